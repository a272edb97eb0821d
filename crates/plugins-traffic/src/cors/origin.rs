//! Origins and patterns of origins. It sets no header.

use gibbon_sdk::BuildError;
use regex::Regex;

/// An origin taken apart; a default port is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// `scheme://host[:port]`; the text itself if it is no URL.
    pub(super) domain: String,
    /// The host alone.
    pub(super) host: String,
}

impl Origin {
    pub(super) fn parse(text: &str) -> Self {
        let Some((scheme, authority)) = split(text) else {
            return Self { domain: text.to_owned(), host: text.to_owned() };
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = port.filter(|port| !matches!((scheme, *port), ("http", "80") | ("https", "443")));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Self { domain: format!("{scheme}://{host}{port}"), host: host.to_owned() }
    }
}

/// Splits `scheme://[user@]authority[/…]`.
fn split(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if scheme.is_empty() || !scheme.chars().all(fits) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    (!authority.is_empty()).then_some((scheme, authority))
}

/// One entry of `origins`.
pub(super) enum Pattern {
    /// `*`.
    Any,
    /// An origin as it stands.
    Plain { text: String, origin: Origin },
    /// A regex over what it is matched with.
    Regex { regex: Regex, over: Over },
}

/// What a regex is matched with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Host,
    Domain,
}

impl Pattern {
    /// Reads an entry. Anything but letters, digits and `.:/-` makes it a regex, anchored on both sides.
    pub(super) fn parse(entry: &str) -> Result<Self, BuildError> {
        if entry == "*" {
            return Ok(Self::Any);
        }
        if entry.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '-')) {
            return Ok(Self::Plain { text: entry.to_owned(), origin: Origin::parse(entry) });
        }
        let inner = entry.strip_prefix('^').unwrap_or(entry);
        let inner = inner.strip_suffix('$').unwrap_or(inner);
        let regex = Regex::new(&format!("^(?:{inner})$"))
            .map_err(|error| BuildError(format!("cors: `origins` holds `{entry}`, which is no regex: {error}")))?;
        let over = if entry.contains(':') { Over::Domain } else { Over::Host };
        Ok(Self::Regex { regex, over })
    }

    /// Tells whether `origin` is let in by this entry.
    pub(super) fn admits(&self, origin: &Origin) -> bool {
        match self {
            Self::Any => true,
            Self::Plain { origin: own, .. } => own.domain == origin.domain,
            Self::Regex { regex, over: Over::Host } => regex.is_match(&origin.host),
            Self::Regex { regex, over: Over::Domain } => regex.is_match(&origin.domain),
        }
    }
}

/// Tells whether an entry can be used; the message is Kong's.
pub(super) fn check(entry: &str) -> Result<(), String> {
    Pattern::parse(entry).map(|_| ()).map_err(|_| format!("'{entry}' is not a valid regex"))
}
