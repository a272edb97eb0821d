//! Finds the route of a request, flavour `traditional_compatible`: of all routes that the request fits, the one with
//! the highest rank, whatever the order in which they were added. It knows no service and no plugin.
//!
//! ```text
//! host ─┬─ exact ──► bucket ─┐
//!       ├─ *.suffix, prefix.* ► buckets ─┤  slots by path prefix ─► port, methods, SNI, headers, regex ─► best rank
//!       └─ (none) ─► bucket ─┘
//! ```
//!
//! Everything is persistent: a copy is cheap, and a change of one route copies what lies on its way only.

mod bucket;
mod conditions;
mod fields;
mod literal;
mod priority;
mod regexes;
#[cfg(test)]
mod tests;
mod trie;

use std::sync::Arc;

use gibbon_http::Headers;
use gibbon_http::Method;
use gibbon_http::host;
use regex::bytes::Regex;
use smallvec::SmallVec;

pub use self::fields::End;
pub use self::fields::Fields;
pub use self::regexes::Regexes;
pub use self::regexes::RouteError;

use self::bucket::Best;
use self::bucket::Bucket;
use self::bucket::PathTest;
use self::bucket::Rank;
use self::bucket::Slot;
use self::conditions::Conditions;
use self::trie::Trie;
use crate::snapshot::Shards;

/// What carries a request to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP as it is.
    Plain,
    /// TLS, ended here.
    Tls,
}

/// The properties of a request that routes can ask for.
#[derive(Clone, Copy, Debug)]
pub struct Key<'r> {
    /// The method.
    pub method: &'r Method,
    /// The Host header as received, port included; empty if there was none.
    pub host: &'r [u8],
    /// The port of the listener, as mapped by `port_maps`; counts when Host has none.
    pub port: u16,
    /// The normal form of the path.
    pub path: &'r [u8],
    /// The header fields.
    pub headers: &'r Headers,
    /// How the request came.
    pub transport: Transport,
    /// The server name of the TLS connection.
    pub sni: Option<&'r str>,
}

impl<'r> Key<'r> {
    /// Returns what a GET over plain HTTP to port 80 has.
    pub const fn get(host: &'r [u8], path: &'r [u8], headers: &'r Headers) -> Self {
        Self { method: &Method::Get, host, port: 80, path, headers, transport: Transport::Plain, sni: None }
    }
}

/// A route that a request fits.
#[derive(Debug)]
pub struct Found<'s, R> {
    /// What the route was added with.
    pub route: &'s R,
    /// How many bytes of the path its path matched; none for a route without paths.
    pub matched: Option<usize>,
    /// The regex, if the path was matched by one that has captures.
    regex: Option<&'s Regex>,
}

/// Captures of a regex path: names, or numbers from 0 (the whole match) as text, and values.
pub type Captures = SmallVec<[(Box<str>, Box<[u8]>); 2]>;

impl<R> Found<'_, R> {
    /// Returns the captures of the path that was matched; none unless a group took part in the match.
    pub fn captures(&self, path: &[u8]) -> Captures {
        let Some((regex, captures)) = self.regex.and_then(|regex| Some((regex, regex.captures(path)?))) else {
            return Captures::new();
        };
        let numbered = captures.iter().enumerate().map(|(at, value)| (at.to_string().into(), value));
        let named = regex.capture_names().flatten().map(|name| (name.into(), captures.name(name)));
        let taken = numbered.chain(named).filter_map(|(name, value)| Some((name, value?.as_bytes().into())));
        let taken: Captures = taken.collect();
        if taken.len() > 1 { taken } else { Captures::new() }
    }
}

/// Routes, and the way to find them. `R` is what is handed back.
#[derive(Debug)]
pub struct Router<R> {
    /// Hosts are mostly short enough to be read with their place in the map.
    exact: Shards<SmallVec<[u8; 32]>, Bucket<R>>,
    /// By the host without its `*`, read backward.
    suffixes: Trie<Bucket<R>>,
    prefixes: Trie<Bucket<R>>,
    anywhere: Bucket<R>,
}

impl<R> Default for Router<R> {
    fn default() -> Self {
        Self {
            exact: Shards::default(),
            suffixes: Trie::default(),
            prefixes: Trie::default(),
            anywhere: Bucket::default(),
        }
    }
}

impl<R> Clone for Router<R> {
    fn clone(&self) -> Self {
        Self {
            exact: self.exact.clone(),
            suffixes: self.suffixes.clone(),
            prefixes: self.prefixes.clone(),
            anywhere: self.anywhere.clone(),
        }
    }
}

impl<R: Clone> Router<R> {
    /// Returns the route of a request. Allocates only for hosts of more than 64 bytes beside wildcards, and where a
    /// regex needs room for the first time.
    pub fn find(&self, key: &Key<'_>) -> Option<Found<'_, R>> {
        // Names have no case and may end with a dot (RFC 9110 §4.2.3): the server behind reads them so, hence a route
        // that guards a host must too.
        let host = &*host::normal(key.host);
        let port = u32::from(host::port(key.host).unwrap_or(key.port));
        let mut best = None;
        if let Some(bucket) = self.exact.get(host) {
            bucket.improve(key, port, &mut best);
        }
        if !self.suffixes.is_empty() {
            let backward: SmallVec<[u8; 64]> = host.iter().rev().copied().collect();
            self.suffixes.prefixes(&backward, |_, bucket| bucket.improve(key, port, &mut best));
        }
        if !self.prefixes.is_empty() {
            self.prefixes.prefixes(host, |_, bucket| bucket.improve(key, port, &mut best));
        }
        self.anywhere.improve(key, port, &mut best);
        best.map(|Best { slot, matched }| Found {
            route: &slot.route,
            matched,
            regex: match &slot.path {
                PathTest::Regex(regex, _) if regex.captures_len() > 1 => Some(&**regex),
                _ => None,
            },
        })
    }

    /// Adds a route; the caller removes an older one of the same id first.
    ///
    /// # Errors
    /// When a regex of the route cannot be compiled; nothing is added then.
    pub fn insert(&mut self, route: R, fields: &Fields<'_>, regexes: &mut Regexes) -> Result<(), RouteError> {
        let places = places(fields, regexes)?;
        let conditions = Conditions::new(fields, regexes)?.map(Arc::new);
        for Place { host, port, path, rank } in places {
            let slot = Slot { rank, path, port, conditions: conditions.clone(), route: route.clone() };
            self.change(host, |bucket| bucket.insert(slot));
        }
        Ok(())
    }

    /// Removes a route that was added with these fields.
    pub fn remove(&mut self, fields: &Fields<'_>, regexes: &mut Regexes) {
        // A route that could not be added is not there.
        for Place { host, path, rank, .. } in places(fields, regexes).unwrap_or_default() {
            self.change(host, |bucket| bucket.remove(rank, &path));
        }
    }

    fn change(&mut self, host: HostTest<'_>, change: impl FnOnce(&mut Bucket<R>)) {
        let change = |held: &mut Option<Bucket<R>>| {
            let mut bucket = held.take().unwrap_or_default();
            change(&mut bucket);
            *held = (!bucket.is_empty()).then_some(bucket);
        };
        match host {
            HostTest::Any => {
                let mut held = Some(std::mem::take(&mut self.anywhere));
                change(&mut held);
                self.anywhere = held.unwrap_or_default();
            }
            HostTest::Exact(host) => {
                let host = host.to_ascii_lowercase();
                let mut held = self.exact.get(host.as_bytes()).cloned();
                change(&mut held);
                match held {
                    Some(bucket) => self.exact.insert(SmallVec::from_slice(host.as_bytes()), bucket),
                    None => self.exact.remove(host.as_bytes()),
                };
            }
            HostTest::Prefix(host) => self.prefixes.update(host.to_ascii_lowercase().as_bytes(), change),
            HostTest::Suffix(host) => {
                let backward: Vec<u8> = host.bytes().rev().map(|b| b.to_ascii_lowercase()).collect();
                self.suffixes.update(&backward, change);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum HostTest<'r> {
    Any,
    Exact(&'r str),
    /// `prefix.*`
    Prefix(&'r str),
    /// `*.suffix`
    Suffix(&'r str),
}

/// Where a route stands: each of its hosts with each of its paths.
struct Place<'r> {
    host: HostTest<'r>,
    port: Option<u32>,
    path: PathTest,
    rank: Rank,
}

fn places<'r>(fields: &Fields<'r>, regexes: &mut Regexes) -> Result<Vec<Place<'r>>, RouteError> {
    let mut hosts: Vec<_> = fields.hosts.unwrap_or_default().iter().map(|host| host_test(host)).collect();
    if hosts.is_empty() {
        hosts.push((HostTest::Any, None));
    }
    let mut places = Vec::new();
    for group in fields::groups(fields.id, fields.paths) {
        let priority = priority::http(fields, &group.paths);
        let mut tests = Vec::new();
        for path in &group.paths {
            tests.push(match path.strip_prefix('~') {
                Some(pattern) => {
                    PathTest::Regex(regexes.get(&format!("^{}", modern(pattern)))?, modern(pattern).into())
                }
                None => PathTest::Plain(SmallVec::from_slice(path.as_bytes())),
            });
        }
        if tests.is_empty() {
            tests.push(PathTest::Any);
        }
        for (order, path) in tests.into_iter().enumerate() {
            let rank = Rank::new(priority, group.id, order);
            places.extend(hosts.iter().map(|(host, port)| Place {
                host: *host,
                port: *port,
                path: path.clone(),
                rank,
            }));
        }
    }
    Ok(places)
}

/// Returns a regex with its groups named in the way that this regex engine knows. Kong changes every `?<` likewise.
fn modern(pattern: &str) -> String {
    pattern.replace("?<", "?P<")
}

fn host_test(host: &str) -> (HostTest<'_>, Option<u32>) {
    let (name, port) = (&host[..host::name(host.as_bytes()).len()], host::port(host.as_bytes()).map(u32::from));
    let test = match (name.strip_prefix('*'), name.strip_suffix('*')) {
        (Some(suffix), _) => HostTest::Suffix(suffix),
        (None, Some(prefix)) => HostTest::Prefix(prefix),
        (None, None) => HostTest::Exact(name),
    };
    (test, port)
}
