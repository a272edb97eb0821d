//! Header names that the gateway itself cares about, recognised by length first, and sets of them.
//! It holds no values.

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

// Ordered by length: `classify` looks only at the names as long as the one it is given.
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
    ContentType = "content-type",
    Authorization = "authorization",
    CacheControl = "cache-control",
    LastModified = "last-modified",
    AcceptRanges = "accept-ranges",
    ContentLength = "content-length",
    AcceptEncoding = "accept-encoding",
    XForwardedFor = "x-forwarded-for",
    ContentEncoding = "content-encoding",
    WwwAuthenticate = "www-authenticate",
    ProxyConnection = "proxy-connection",
    XForwardedHost = "x-forwarded-host",
    XForwardedPath = "x-forwarded-path",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    XKongRequestId = "x-kong-request-id",
    TransferEncoding = "transfer-encoding",
    XForwardedPrefix = "x-forwarded-prefix",
    ProxyAuthorization = "proxy-authorization",
    XKongProxyLatency = "x-kong-proxy-latency",
    XKongUpstreamStatus = "x-kong-upstream-status",
    XKongUpstreamLatency = "x-kong-upstream-latency",
    XKongResponseLatency = "x-kong-response-latency",
}

const LONGEST: usize = 32;

/// `STARTS[n]` is the index in `ALL` of the first name of length `n` or more.
const STARTS: [u8; LONGEST + 2] = {
    let mut starts = [0u8; LONGEST + 2];
    let mut length = 0;
    while length < LONGEST + 2 {
        let mut i = 0;
        while i < ALL.len() && ALL[i].1.len() < length {
            i += 1;
        }
        starts[length] = i as u8;
        length += 1;
    }
    starts
};

const LENGTHS_ARE: [u8; ALL.len()] = {
    let mut lengths = [0u8; ALL.len()];
    let mut i = 0;
    while i < ALL.len() {
        lengths[i] = ALL[i].1.len() as u8;
        i += 1;
    }
    lengths
};

impl Known {
    /// Returns which known name `name` is, letter case ignored, or [`Known::Other`].
    #[inline]
    pub fn classify(name: &[u8]) -> Self {
        let length = name.len();
        if length > LONGEST {
            return Self::Other;
        }
        let mut i = STARTS[length] as usize;
        let end = STARTS[length + 1] as usize;
        while i < end {
            // The first letter tells most of them apart; there is one, since no known name is empty.
            let known = ALL[i].1.as_bytes();
            if name[0].eq_ignore_ascii_case(&known[0]) && name.eq_ignore_ascii_case(known) {
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

    const fn bit(self) -> u64 {
        match self {
            Self::Other => 0,
            known => 1 << (known as u8),
        }
    }
}

/// A set of known names, as one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownSet(u64);

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

const _: () = {
    assert!(ALL.len() < 64, "a KnownSet is one word");
    let mut i = 1;
    while i < ALL.len() {
        assert!(LENGTHS_ARE[i - 1] <= LENGTHS_ARE[i], "names are ordered by length");
        i += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (known, text) in ALL {
            assert_eq!(Known::classify(text.as_bytes()), *known);
            assert_eq!(Known::classify(text.to_uppercase().as_bytes()), *known);
            assert_eq!(known.text(), *text);
            assert!(KnownSet::EMPTY.with(*known).contains(*known));
            assert_eq!(Known::classify(format!("{text}x").as_bytes()), Known::Other);
        }
        assert_eq!(Known::classify(b""), Known::Other);
        assert_eq!(Known::classify(&[b'x'; 200]), Known::Other);
        assert!(!KnownSet::EMPTY.with(Known::Other).contains(Known::Other));
    }
}
