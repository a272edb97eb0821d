//! Names of headers in edits: text of any origin, or a name in the source, which is checked and classified while compiling.

use std::borrow::Cow;

use crate::Known;

/// A header's name that is written in the source: it was checked and classified when that was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name with the colon and space behind it: how a line begins.
    begin: &'static str,
    known: Known,
}

/// Makes a [`Name`] of a literal, in a constant.
#[macro_export]
macro_rules! name {
    ($($text:tt)+) => {
        const { $crate::Name::begins(concat!($($text)+, ": ")) }
    };
}

impl Name {
    /// Returns the name that `begin` is the beginning of a line of; [`name!`](crate::name) calls it.
    ///
    /// # Panics
    /// If it is no name, which in a constant is an error of the compiler.
    pub const fn begins(begin: &'static str) -> Self {
        let (text, rest) = begin.split_at(begin.len() - 2);
        assert!(rest.as_bytes()[0] == b':' && rest.as_bytes()[1] == b' ', "a line begins with a name and a colon");
        let bytes = text.as_bytes();
        assert!(!bytes.is_empty(), "a name has at least one letter");
        let mut i = 0;
        while i < bytes.len() {
            assert!(bytes[i].is_ascii_alphanumeric() || bytes[i] == b'-', "a name is letters, digits and hyphens");
            i += 1;
        }
        Self { begin, known: Known::of(text) }
    }

    /// Returns how a line of this name begins: with the name, a colon and a space.
    #[inline]
    pub(crate) const fn begin(&self) -> &'static str {
        self.begin
    }

    #[inline]
    const fn text(&self) -> &'static str {
        self.begin.split_at(self.begin.len() - 2).0
    }
}

/// What names a header in an edit: text, or a [`Name`], which is several times quicker.
pub trait HeaderName {
    /// Returns the name as given.
    fn bytes(&self) -> &[u8];
    /// Returns which known name it is.
    fn known(&self) -> Known;
    /// Tells whether it is known to be safe on the wire.
    fn is_safe(&self) -> bool;
}

impl HeaderName for Name {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.text().as_bytes()
    }

    #[inline]
    fn known(&self) -> Known {
        self.known
    }

    #[inline]
    fn is_safe(&self) -> bool {
        true
    }
}

impl<N: HeaderName + ?Sized> HeaderName for &N {
    #[inline]
    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }

    #[inline]
    fn known(&self) -> Known {
        (**self).known()
    }

    #[inline]
    fn is_safe(&self) -> bool {
        (**self).is_safe()
    }
}

macro_rules! text_names {
    ($($text:ty => $bytes:ident,)+) => {
        $(impl HeaderName for $text {
            #[inline]
            fn bytes(&self) -> &[u8] {
                self.$bytes()
            }

            #[inline]
            fn known(&self) -> Known {
                Known::classify(self.$bytes())
            }

            #[inline]
            fn is_safe(&self) -> bool {
                false
            }
        })+
    };
}

text_names! {
    str => as_bytes,
    String => as_bytes,
    Box<str> => as_bytes,
    Cow<'_, str> => as_bytes,
    [u8] => as_ref,
    Vec<u8> => as_slice,
}
