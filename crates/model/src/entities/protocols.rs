//! The protocols of routes and plugins: few, so that a set of them needs no memory of its own.

use gibbon_schema::Field;
use gibbon_schema::FieldType;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use super::Protocol;

/// How many protocols there are.
const COUNT: usize = 8;

/// A set of protocols, in the order given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols([Option<Protocol>; COUNT]);

impl Protocols {
    /// Returns the protocols in order.
    pub fn iter(&self) -> impl Iterator<Item = Protocol> {
        self.0.into_iter().map_while(|held| held)
    }

    /// Returns whether a protocol is among them.
    pub fn contains(&self, protocol: Protocol) -> bool {
        self.0.contains(&Some(protocol))
    }
}

impl FromIterator<Protocol> for Protocols {
    fn from_iter<I: IntoIterator<Item = Protocol>>(given: I) -> Self {
        let (mut held, mut count) = ([None; COUNT], 0);
        for protocol in given.into_iter().map(Some) {
            if !held.contains(&protocol) {
                held[count] = protocol;
                count += 1;
            }
        }
        Self(held)
    }
}

impl<'de> Deserialize<'de> for Protocols {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<Protocol>::deserialize(from).map(|given| given.into_iter().collect())
    }
}

impl Serialize for Protocols {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl FieldType for Protocols {
    fn field() -> Field {
        Field::set(Protocol::field())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_takes_all() -> Result<(), serde_json::Error> {
        let all = r#"["udp","grpc","grpcs","http","https","tcp","tls","tls_passthrough"]"#;
        for text in [r#"["https","http"]"#, "[]", all] {
            let read: Protocols = serde_json::from_str(text)?;
            assert_eq!(serde_json::to_string(&read)?, text);
        }
        let read: Protocols = serde_json::from_str(r#"["http","http","tls"]"#)?;
        assert_eq!(read.iter().collect::<Vec<_>>(), [Protocol::Http, Protocol::Tls]);
        assert!(read.contains(Protocol::Tls) && !read.contains(Protocol::Udp));
        assert!(serde_json::from_str::<Protocols>(r#"["smtp"]"#).is_err());
        assert_eq!(size_of::<Protocols>(), COUNT, "an option costs nothing");
        Ok(())
    }
}
