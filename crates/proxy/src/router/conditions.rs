//! What a request must have beside host and path: methods, headers, server names. Written once per route, shared by
//! all places where the route stands in the index; most routes ask for nothing of it.

use std::sync::Arc;

use gibbon_http::Headers;
use gibbon_http::Method;
use regex::bytes::Regex;
use smallvec::SmallVec;

use crate::router::Key;
use crate::router::Regexes;
use crate::router::RouteError;
use crate::router::Transport;
use crate::router::fields::Fields;

/// The conditions of a route.
#[derive(Debug)]
pub(super) struct Conditions {
    methods: Box<[Method]>,
    headers: Box<[HeaderTest]>,
    snis: Box<[Affix]>,
}

impl Conditions {
    /// Returns the conditions of a route, none if it has none.
    pub(super) fn new(fields: &Fields<'_>, regexes: &mut Regexes) -> Result<Option<Self>, RouteError> {
        if fields.methods.is_empty() && fields.headers.is_empty() && fields.snis.is_empty() {
            return Ok(None);
        }
        let headers = fields.headers.iter().map(|(name, values)| HeaderTest::new(name, values, regexes));
        Ok(Some(Self {
            // A method that no request can carry matches none.
            methods: fields.methods.iter().filter_map(|method| Method::parse(method.as_bytes())).collect(),
            headers: headers.collect::<Result<_, _>>()?,
            snis: fields.snis.iter().map(|sni| Affix::sni(sni)).collect(),
        }))
    }

    /// Tells whether the request meets every condition.
    pub(super) fn accept(&self, key: &Key<'_>) -> bool {
        (self.methods.is_empty() || self.methods.contains(key.method))
            && self.accepts_sni(key)
            && self.headers.iter().all(|header| header.accepts(key.headers))
    }

    /// Server names limit TLS connections only, and are compared as sent.
    fn accepts_sni(&self, key: &Key<'_>) -> bool {
        if self.snis.is_empty() || key.transport == Transport::Plain {
            return true;
        }
        key.sni.is_some_and(|sni| self.snis.iter().any(|test| test.accepts(sni)))
    }
}

/// A text to be met exactly, or at its start or end.
#[derive(Debug)]
enum Affix {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
}

impl Affix {
    fn sni(sni: &str) -> Self {
        if sni.len() > 1 && sni.ends_with('*') && !sni.starts_with('*') {
            return Self::Prefix(sni[..sni.len() - 1].into());
        }
        // The dot that ends a fully qualified name is not sent by clients.
        let sni = if sni.len() > 1 { sni.strip_suffix('.').unwrap_or(sni) } else { sni };
        match sni.strip_prefix('*') {
            Some(suffix) => Self::Suffix(suffix.into()),
            None => Self::Exact(sni.into()),
        }
    }

    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Exact(want) => **want == *text,
            Self::Prefix(want) => text.starts_with(&**want),
            Self::Suffix(want) => text.ends_with(&**want),
        }
    }
}

/// One header that a route asks for.
#[derive(Debug)]
struct HeaderTest {
    /// The name with `_` for `-`. Kong looks for this spelling first, then for the one with dashes.
    underscored: Box<str>,
    dashed: Box<str>,
    values: Box<[ValueTest]>,
}

#[derive(Debug)]
enum ValueTest {
    /// In lower case, to be met by the lower-cased value.
    Exact(Box<str>),
    /// To be found in the lower-cased value.
    Regex(Arc<Regex>),
}

impl HeaderTest {
    fn new(name: &str, values: &[String], regexes: &mut Regexes) -> Result<Self, RouteError> {
        let underscored = name.to_ascii_lowercase().replace('-', "_");
        let values = values.iter().map(|value| {
            // Kong lower-cases the regex as a whole, `\S` to `\s` included.
            let value = value.to_ascii_lowercase();
            match value.strip_prefix("~*") {
                Some(pattern) => regexes.get(pattern).map(ValueTest::Regex),
                None => Ok(ValueTest::Exact(value.into())),
            }
        });
        Ok(Self {
            dashed: underscored.replace('_', "-").into(),
            underscored: underscored.into(),
            values: values.collect::<Result<_, _>>()?,
        })
    }

    /// Tells whether any field of this name has any of the values.
    fn accepts(&self, headers: &Headers) -> bool {
        let spelled = *self.underscored != *self.dashed && headers.contains(&self.underscored);
        let name = if spelled { &self.underscored } else { &self.dashed };
        headers.get_all(name).any(|value| self.accepts_value(value))
    }

    fn accepts_value(&self, value: &[u8]) -> bool {
        let mut lower = SmallVec::<[u8; 64]>::new();
        self.values.iter().any(|test| match test {
            ValueTest::Exact(want) => value.eq_ignore_ascii_case(want.as_bytes()),
            ValueTest::Regex(regex) => {
                if lower.len() != value.len() {
                    lower.extend_from_slice(value);
                    lower.make_ascii_lowercase();
                }
                regex.is_match(&lower)
            }
        })
    }
}
