//! Request methods: those of RFC 9110 and WebDAV by name, any other token as it came. It says nothing of their meaning
//! but whether a repeat is harmless.

use std::fmt;

macro_rules! methods {
    ($($variant:ident = $text:literal,)+) => {
        /// A request method. Case matters (RFC 9110 §9.1).
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
            /// Any other token.
            Other(Box<str>),
        }

        impl Method {
            /// Returns the method a token names. Allocates only for one that is not in the list.
            ///
            /// `None` if it is no token of upper-case letters, `-` and `_` (nginx accepts no other).
            pub fn parse(token: &[u8]) -> Option<Self> {
                match token {
                    $(_ if token == $text.as_bytes() => Some(Self::$variant),)+
                    _ => Self::other(token),
                }
            }

            /// Returns the method as it stands in a request line.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(token) => token,
                }
            }
        }
    };
}

methods! {
    Get = "GET",
    Post = "POST",
    Put = "PUT",
    Head = "HEAD",
    Patch = "PATCH",
    Delete = "DELETE",
    Options = "OPTIONS",
    Connect = "CONNECT",
    Trace = "TRACE",
    Propfind = "PROPFIND",
    Proppatch = "PROPPATCH",
    Mkcol = "MKCOL",
    Copy = "COPY",
    Move = "MOVE",
    Lock = "LOCK",
    Unlock = "UNLOCK",
}

impl Method {
    fn other(token: &[u8]) -> Option<Self> {
        if token.is_empty() || token.len() > 64 {
            return None;
        }
        let allowed = |b: &u8| b.is_ascii_uppercase() || matches!(b, b'_' | b'-');
        if !token.iter().all(allowed) {
            return None;
        }
        std::str::from_utf8(token).ok().map(|token| Self::Other(token.into()))
    }

    /// Tells whether nginx would send the request again after it may have reached an upstream: all but POST, LOCK and
    /// PATCH (`proxy_next_upstream` without `non_idempotent`).
    pub const fn is_idempotent(&self) -> bool {
        !matches!(self, Self::Post | Self::Lock | Self::Patch)
    }
}

#[allow(clippy::derivable_impls, reason = "the variants come from a macro")]
impl Default for Method {
    fn default() -> Self {
        Self::Get
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_tokens() {
        for (token, want) in [
            ("GET", Some("GET")),
            ("PATCH", Some("PATCH")),
            ("PURGE", Some("PURGE")),
            ("M-SEARCH", Some("M-SEARCH")),
            ("get", None),
            ("123", None),
            ("", None),
            ("G ET", None),
            ("GET\0", None),
        ] {
            assert_eq!(Method::parse(token.as_bytes()).as_ref().map(Method::as_str), want, "{token:?}");
        }
    }
}
