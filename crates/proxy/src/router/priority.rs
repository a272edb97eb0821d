//! The rank of a route in the flavour `traditional_compatible`, as Kong 3.10 computes it on x86-64. It looks at the
//! fields only; ties are decided elsewhere.

use crate::router::fields::Fields;

const PLAIN_HOSTS: u64 = 1 << 60;
const REGEX_PATH: u64 = 1 << 51;
const MAX_HEADERS: usize = 255;
/// What a negative number becomes when LuaJIT turns it into an unsigned one.
const WRAPPED: u64 = 1 << 63;

/// Returns the priority of an HTTP route whose paths are all regexes or all plain and of one length; higher goes first.
///
/// The intended layout has the number of kinds of attributes in bits 63-61 and the number of headers in bits 59-52.
/// Kong's shifts are those of 32-bit integers, however, so that they end in bits 31-29 and 27-20, four or more kinds
/// become negative, and a negative number becomes bit 63, alone or with the two flags.
/// Source: kong/router/transform.lua; seen on a running Kong 3.10; pinned by `golden.json`.
pub(super) fn http(fields: &Fields<'_>, paths: &[&str]) -> u64 {
    let has = |count: usize| i64::from(count > 0);
    let headers = fields.headers.len();
    let kinds = has(fields.sources.len())
        + has(fields.destinations.len())
        + has(fields.methods.len())
        + has(fields.hosts.unwrap_or_default().len())
        + has(headers)
        + has(fields.snis.len())
        + has(paths.len());
    // `hosts: []` counts as hosts without a wildcard, too.
    let plain_hosts = fields.hosts.is_some_and(|hosts| !hosts.iter().any(|host| host.contains('*')));
    let regex = paths.first().is_some_and(|path| path.starts_with('~'));
    let length = if regex { 0 } else { paths.first().map_or(0, |path| path.len()) & 0x7_FFFF };

    let kinds = shift(kinds, 61);
    let headers = shift(headers.min(MAX_HEADERS) as i64, 52);
    let regex_priority = shift(if regex { fields.regex_priority } else { 0 }, 19);
    if !plain_hosts && !regex {
        return unsigned(kinds | headers | regex_priority | length as i32);
    }
    let flags = if plain_hosts { PLAIN_HOSTS } else { 0 } | if regex { REGEX_PATH } else { 0 };
    flags | unsigned(kinds) | unsigned(headers) | unsigned(regex_priority) | length as u64
}

/// Shifts as LuaJIT's `bit.lshift` does: the value and the distance are cut to 32 and 5 bits.
fn shift(value: i64, by: u32) -> i32 {
    (value as i32).wrapping_shl(by)
}

fn unsigned(value: i32) -> u64 {
    u64::try_from(value).unwrap_or(WRAPPED)
}

/// Returns the priority of a route for streams; higher goes first.
///
/// SNIs, or sources together with destinations, go first; then an address before a port before a network, sources
/// before destinations. Source and pinning as for [`http`].
#[cfg(test)]
pub(super) fn stream(fields: &Fields<'_>) -> u64 {
    let both = !fields.sources.is_empty() && !fields.destinations.is_empty();
    let first = if both || !fields.snis.is_empty() { 1 << 61 } else { 0 };
    first | ends(fields.sources) << 4 | ends(fields.destinations)
}

#[cfg(test)]
fn ends(ends: &[crate::router::fields::End]) -> u64 {
    ends.iter().fold(0, |bits, end| {
        let address = end.ip.as_deref().map_or(0, |ip| if ip.contains('/') { 1 } else { 8 });
        bits | address | if end.port.is_some() { 4 } else { 0 }
    })
}
