//! Header names that the gateway itself cares about, recognised by a few of their bytes first, and sets of them.
//! It holds no values.

use crate::scan;

macro_rules! known {
    ($($variant:ident = $text:literal,)+) => {
        /// A header name the gateway knows; every other name is [`Known::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known {
            /// A name that is not in the list.
            Other,
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        const ALL: &[(Known, &str)] = &[$((Known::$variant, $text),)+];
    };
}

// The shortest first, the longest last.
known! {
    Te = "te",
    Via = "via",
    Date = "date",
    ETag = "etag",
    Host = "host",
    Vary = "vary",
    Proxy = "proxy",
    Accept = "accept",
    Apikey = "apikey",
    Cookie = "cookie",
    Expect = "expect",
    Origin = "origin",
    Server = "server",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Location = "location",
    Forwarded = "forwarded",
    XRealIp = "x-real-ip",
    Connection = "connection",
    KeepAlive = "keep-alive",
    SetCookie = "set-cookie",
    UserAgent = "user-agent",
    RetryAfter = "retry-after",
    ContentType = "content-type",
    Authorization = "authorization",
    XConsumerId = "x-consumer-id",
    CacheControl = "cache-control",
    LastModified = "last-modified",
    AcceptRanges = "accept-ranges",
    ContentLength = "content-length",
    AcceptEncoding = "accept-encoding",
    XForwardedFor = "x-forwarded-for",
    RateLimitLimit = "ratelimit-limit",
    RateLimitReset = "ratelimit-reset",
    ContentEncoding = "content-encoding",
    WwwAuthenticate = "www-authenticate",
    ProxyConnection = "proxy-connection",
    XForwardedHost = "x-forwarded-host",
    XForwardedPath = "x-forwarded-path",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    XKongRequestId = "x-kong-request-id",
    TransferEncoding = "transfer-encoding",
    XConsumerGroups = "x-consumer-groups",
    XForwardedPrefix = "x-forwarded-prefix",
    ProxyAuthorization = "proxy-authorization",
    XConsumerUsername = "x-consumer-username",
    RateLimitRemaining = "ratelimit-remaining",
    XKongProxyLatency = "x-kong-proxy-latency",
    XConsumerCustomId = "x-consumer-custom-id",
    XAnonymousConsumer = "x-anonymous-consumer",
    XRateLimitLimitDay = "x-ratelimit-limit-day",
    XKongUpstreamStatus = "x-kong-upstream-status",
    XAuthenticatedGroups = "x-authenticated-groups",
    XRateLimitLimitHour = "x-ratelimit-limit-hour",
    XRateLimitLimitYear = "x-ratelimit-limit-year",
    XKongUpstreamLatency = "x-kong-upstream-latency",
    XKongResponseLatency = "x-kong-response-latency",
    XCredentialIdentifier = "x-credential-identifier",
    XRateLimitLimitMonth = "x-ratelimit-limit-month",
    XRateLimitLimitSecond = "x-ratelimit-limit-second",
    XRateLimitLimitMinute = "x-ratelimit-limit-minute",
    XRateLimitRemainingDay = "x-ratelimit-remaining-day",
    XRateLimitRemainingHour = "x-ratelimit-remaining-hour",
    XRateLimitRemainingYear = "x-ratelimit-remaining-year",
    XRateLimitRemainingMonth = "x-ratelimit-remaining-month",
    XRateLimitRemainingSecond = "x-ratelimit-remaining-second",
    XRateLimitRemainingMinute = "x-ratelimit-remaining-minute",
}

const SHORTEST: usize = ALL[0].1.len();
const LONGEST: usize = ALL[ALL.len() - 1].1.len();

/// Places in [`TABLE`]; several times the number of names, so that most look-ups end at the first place.
const PLACES: usize = 256;

/// A place in the table: half a cache line, so that a look-up touches one.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Place {
    text: [u8; LONGEST],
    /// 0 where nothing stands.
    length: u8,
    known: Known,
}

/// The names by hash; of two that fall together one stands a place further.
static TABLE: [Place; PLACES] = {
    let mut table = [Place { text: [0; LONGEST], length: 0, known: Known::Other }; PLACES];
    let mut i = 0;
    while i < ALL.len() {
        let name = ALL[i].1.as_bytes();
        let mut at = place(name);
        while table[at].length != 0 {
            at = (at + 1) % PLACES;
        }
        let mut byte = 0;
        while byte < name.len() {
            table[at].text[byte] = name[byte];
            byte += 1;
        }
        (table[at].length, table[at].known) = (name.len() as u8, ALL[i].0);
        i += 1;
    }
    table
};

/// Where a name of at least two bytes stands in [`TABLE`]: its length and four of its bytes tell nearly all apart.
#[inline]
const fn place(name: &[u8]) -> usize {
    let length = name.len();
    let bytes = [name[0], name[length / 2], name[length - 2], name[length - 1]];
    // Lower case for letters, something for all else. The factor was tried out: hardly two names fall together.
    let word = (u32::from_le_bytes(bytes) | 0x2020_2020).wrapping_add(length as u32);
    (word.wrapping_mul(0x0ce1_f4e1) >> 24) as usize % PLACES
}

impl Known {
    /// Returns which known name `name` is, letter case ignored, or [`Known::Other`].
    #[inline]
    pub fn classify(name: &[u8]) -> Self {
        if name.len() < SHORTEST || name.len() > LONGEST {
            return Self::Other;
        }
        let mut at = place(name);
        loop {
            let Place { text, length, known } = &TABLE[at];
            if scan::is_name(name, &text[..usize::from(*length)]) {
                return *known;
            }
            if *length == 0 {
                return Self::Other;
            }
            at = (at + 1) % PLACES;
        }
    }

    /// As [`classify`](Self::classify), while compiling.
    pub(crate) const fn of(name: &str) -> Self {
        let mut i = 0;
        while i < ALL.len() {
            if ALL[i].1.eq_ignore_ascii_case(name) {
                return ALL[i].0;
            }
            i += 1;
        }
        Self::Other
    }

    /// Returns the name in lower case; [`Known::Other`] has none (the empty string).
    pub const fn text(self) -> &'static str {
        match self {
            Self::Other => "",
            known => ALL[known as usize - 1].1,
        }
    }

    const fn bit(self) -> u128 {
        match self {
            Self::Other => 0,
            known => 1 << (known as u8),
        }
    }
}

/// A set of known names, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownSet(u128);

impl KnownSet {
    /// No name at all.
    pub const EMPTY: Self = Self(0);

    /// Headers that speak of one connection only and of the framing on it, never sent on as they came (RFC 9110
    /// §7.6.1, RFC 9112 §6). `TE` is not among them: `TE: trailers` may pass.
    pub const HOP_BY_HOP: Self = Self::EMPTY
        .with(Known::Connection)
        .with(Known::KeepAlive)
        .with(Known::ProxyConnection)
        .with(Known::TransferEncoding)
        .with(Known::ContentLength)
        .with(Known::Upgrade);

    /// Returns this set with `name` in it; [`Known::Other`] cannot be in a set.
    #[must_use]
    pub const fn with(self, name: Known) -> Self {
        Self(self.0 | name.bit())
    }

    /// Returns this set with all names of `other` in it.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns this set without the names of `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns this set without `name`.
    #[must_use]
    pub const fn without(self, name: Known) -> Self {
        Self(self.0 & !name.bit())
    }

    /// Tells whether `name` is in the set.
    #[inline]
    pub const fn contains(self, name: Known) -> bool {
        self.0 & name.bit() != 0
    }

    /// Tells whether the two sets share a name.
    #[inline]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Tells whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

const _: () = assert!(ALL.len() < 128, "a KnownSet has a bit for each name");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_length() {
        assert!(ALL.is_sorted_by_key(|(_, text)| text.len()));
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        for (known, text) in ALL {
            assert_eq!(Known::classify(text.as_bytes()), *known);
            assert_eq!(Known::classify(text.to_uppercase().as_bytes()), *known);
            assert_eq!(Known::of(text), *known);
            assert_eq!(known.text(), *text);
            assert!(KnownSet::EMPTY.with(*known).contains(*known));
            assert_eq!(Known::classify(format!("{text}x").as_bytes()), Known::Other);
        }
        assert_eq!(Known::classify(b""), Known::Other);
        assert_eq!(Known::classify(&[b'x'; 200]), Known::Other);
        assert!(!KnownSet::EMPTY.with(Known::Other).contains(Known::Other));
    }
}
