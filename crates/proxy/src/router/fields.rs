//! The fields of a route that the router looks at, and how a route with several paths is split into groups that are
//! ranked each on its own. It matches nothing.

use uuid::Uuid;

/// The namespace of the ids that Kong gives to the parts of a split route.
const SPLIT: Uuid = Uuid::from_u128(0x7f14_5bf9_0dce_4f91_98eb_debb_ce4b_9f6b);

/// One end of a connection, as `sources` and `destinations` of a route name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// An address or a network in CIDR notation.
    pub ip: Option<String>,
    /// A port.
    pub port: Option<u16>,
}

/// What a route asks of a request, as it was configured.
#[derive(Clone, Debug, Default)]
pub struct Fields<'r> {
    /// Id of the route; the later of two ids wins between equal priorities.
    pub id: Uuid,
    /// Hosts, exact or with one `*` at an end, with or without port. `Some(&[])` ranks otherwise than `None`.
    pub hosts: Option<&'r [String]>,
    /// Path prefixes, or regexes behind a `~`.
    pub paths: &'r [String],
    /// Methods.
    pub methods: &'r [String],
    /// Header names with the values allowed for each, plain or behind `~*` as a regex.
    pub headers: Vec<(&'r str, &'r [String])>,
    /// Server names, exact or with one `*` at an end.
    pub snis: &'r [String],
    /// Rank among regex paths.
    pub regex_priority: i64,
    /// Where connections may come from (streams).
    pub sources: &'r [End],
    /// Where connections may have gone to (streams).
    pub destinations: &'r [End],
}

/// A part of a route that has one rank: paths that are all regexes, or all plain and of one length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group<'r> {
    /// The route's id, or one made from it when the route was split.
    pub(super) id: Uuid,
    /// The paths; none for a route without paths.
    pub(super) paths: Vec<&'r str>,
}

/// Splits a route by its paths: one group for all regexes, one for each length of plain paths, in the order in which
/// they first appear. Source: kong/router/transform.lua.
pub(super) fn groups<'r>(id: Uuid, paths: &'r [String]) -> Vec<Group<'r>> {
    let mut groups: Vec<(usize, Vec<&str>)> = Vec::new();
    for path in paths {
        let kind = if path.starts_with('~') { 0 } else { path.len() };
        match groups.iter_mut().find(|(held, _)| *held == kind) {
            Some((_, group)) => group.push(path),
            None => groups.push((kind, vec![path])),
        }
    }
    if groups.len() < 2 {
        return vec![Group { id, paths: groups.pop().unwrap_or_default().1 }];
    }
    let part = |number: usize| Uuid::new_v5(&SPLIT, format!("{id}#{number}").as_bytes());
    groups.into_iter().enumerate().map(|(at, (_, paths))| Group { id: part(at + 1), paths }).collect()
}
