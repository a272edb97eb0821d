//! Query strings and urlencoded forms as ordered arguments, decoded and encoded as Kong (OpenResty) does.

use crate::percent;
use crate::percent::Plus;

/// One argument. A name without `=` has no value, which is not the same as an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The decoded name; never empty when parsed.
    pub name: Vec<u8>,
    /// The decoded value; `None` for `?name`, empty for `?name=`.
    pub value: Option<Vec<u8>>,
}

/// The arguments of a query string, in order; names may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    list: Vec<Arg>,
}

impl Args {
    /// Reads a query string (without `?`) or an urlencoded form. At most `max` arguments are read.
    ///
    /// `+` is a space, broken escapes stay, arguments without a name are dropped (`ngx.decode_args`).
    pub fn parse(query: &[u8], max: usize) -> Self {
        let list = query
            .split(|b| *b == b'&')
            .filter(|piece| !piece.is_empty())
            .take(max)
            .filter_map(|piece| {
                let (name, value) = match memchr::memchr(b'=', piece) {
                    Some(at) => (&piece[..at], Some(&piece[at + 1..])),
                    None => (piece, None),
                };
                let value = value.map(|value| percent::decode(value, Plus::IsSpace));
                (!name.is_empty()).then(|| Arg { name: percent::decode(name, Plus::IsSpace), value })
            })
            .collect();
        Self { list }
    }

    /// Returns all arguments in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arg> {
        self.list.iter()
    }

    /// Tells whether there is no argument.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the value of the first argument of that name; `Some(None)` if it has none.
    pub fn get(&self, name: &str) -> Option<Option<&[u8]>> {
        self.list.iter().find(|arg| arg.name == name.as_bytes()).map(|arg| arg.value.as_deref())
    }

    /// Returns the values of all arguments of that name. Names are compared byte by byte.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Option<&'a [u8]>> + 'a {
        self.list.iter().filter(move |arg| arg.name == name.as_bytes()).map(|arg| arg.value.as_deref())
    }

    /// Tells whether there is an argument of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Gives `name` this one value; the first argument of that name keeps its place.
    pub fn set(&mut self, name: &str, value: Option<&[u8]>) {
        let arg = Arg { name: name.as_bytes().to_vec(), value: value.map(<[u8]>::to_vec) };
        match self.list.iter().position(|arg| arg.name == name.as_bytes()) {
            Some(first) => {
                let mut at = 0;
                self.list.retain(|arg| {
                    at += 1;
                    at - 1 <= first || arg.name != name.as_bytes()
                });
                self.list[first] = arg;
            }
            None => self.list.push(arg),
        }
    }

    /// Adds an argument at the end.
    pub fn append(&mut self, name: &str, value: Option<&[u8]>) {
        self.list.push(Arg { name: name.as_bytes().to_vec(), value: value.map(<[u8]>::to_vec) });
    }

    /// Adds an argument whose name need not be text.
    pub fn append_bytes(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.list.push(Arg { name: name.to_vec(), value: value.map(<[u8]>::to_vec) });
    }

    /// Gives every argument without a value an empty one, so that `=` stands behind every name.
    pub fn fill_values(&mut self) {
        self.list.iter_mut().for_each(|arg| {
            arg.value.get_or_insert_default();
        });
    }

    /// Removes all arguments of that name; tells whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|arg| arg.name != name.as_bytes());
        before != self.list.len()
    }

    /// Returns the query string, escaped as `ngx.encode_args` does.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for arg in &self.list {
            if !out.is_empty() {
                out.push(b'&');
            }
            percent::encode_component(&mut out, &arg.name);
            if let Some(value) = &arg.value {
                out.push(b'=');
                percent::encode_component(&mut out, value);
            }
        }
        out
    }
}

/// Returns `query` without the arguments named `name`, all others byte for byte as they came; `None` if there was none.
pub fn without(query: &[u8], name: &str) -> Option<Vec<u8>> {
    let named = |piece: &[u8]| {
        let raw = piece.split(|b| *b == b'=').next().unwrap_or_default();
        percent::decode(raw, Plus::IsSpace) == name.as_bytes()
    };
    if !query.split(|b| *b == b'&').any(named) {
        return None;
    }
    let kept: Vec<&[u8]> = query.split(|b| *b == b'&').filter(|piece| !named(piece)).collect();
    Some(kept.join(&b'&'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_encodes() {
        for (query, want) in [
            ("a=1&b=2&a=3", "a=1&b=2&a=3"),
            ("a&b=&=c&&d=x+y", "a&b=&d=x%20y"),
            ("a=%zz", "a=%25zz"),
            ("k%5B%5D=1", "k%5B%5D=1"),
            ("", ""),
        ] {
            assert_eq!(Args::parse(query.as_bytes(), 100).encode(), want.as_bytes(), "{query}");
        }
        assert_eq!(Args::parse(b"a&b&c", 2).encode(), b"a&b");
    }

    #[test]
    fn edits() {
        let mut args = Args::parse(b"a=1&b=2&a=3&c", 100);
        assert_eq!(args.get("a"), Some(Some(&b"1"[..])));
        assert_eq!(args.get("c"), Some(None));
        assert_eq!(args.get_all("a").count(), 2);
        args.set("a", Some(b"9"));
        args.append("d", None);
        assert!(args.remove("b") && !args.remove("b") && args.contains("d"));
        assert_eq!(args.encode(), b"a=9&c&d");
        assert_eq!(without(b"a=1&b=%zz&%61=2", "a").as_deref(), Some(&b"b=%zz"[..]));
        assert_eq!(without(b"b=1", "a"), None);
    }
}
