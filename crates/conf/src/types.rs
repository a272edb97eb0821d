//! The types that properties with a meaning of their own become: database, role, log level, lists of known words. No parsing of addresses
//! with flags (`listen`) and no sizes (`units`).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::value::FromValue;
use crate::value::Value;

/// Where configuration is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Database {
    /// Gibbon's own database, a file in the prefix.
    #[default]
    Embedded,
    /// A PostgreSQL server with Kong's tables.
    Postgres,
    /// None: a declarative file or `POST /config`.
    Off,
}

impl Database {
    /// Returns the word that `database` has in `kong.conf`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Postgres => "postgres",
            Self::Off => "off",
        }
    }
}

/// Declares an enum of words with its default first.
macro_rules! words {
    ($(#[doc = $doc:literal])* $type:ident { $( #[doc = $word_doc:literal] $variant:ident = $word:literal, )* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type { $( #[doc = $word_doc] $variant, )* }

        impl $type {
            /// Every word, in the order of this type.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// Returns the word as in `kong.conf`.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// Returns what `word` means, if it is one of the words.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )* _ => None }
            }
        }
    };
}

words! {
    /// The part a node plays in a cluster.
    Role {
        /// Has both Admin API and proxy.
        Traditional = "traditional",
        /// Hands configuration out.
        ControlPlane = "control_plane",
        /// Gets its configuration from a control plane.
        DataPlane = "data_plane",
    }
}

words! {
    /// How routes are matched.
    RouterFlavor {
        /// Kong 2's router.
        Traditional = "traditional",
        /// The same routes, compiled to expressions.
        TraditionalCompatible = "traditional_compatible",
        /// Routes that are expressions.
        Expressions = "expressions",
    }
}

words! {
    /// When a worker sees a change.
    Consistency {
        /// Before the next request.
        Strict = "strict",
        /// Within `worker_state_update_frequency`.
        Eventual = "eventual",
    }
}

words! {
    /// The lowest severity that is logged, most talkative first.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Also what is only informative.
        Info = "info",
        /// Also what is normal but notable.
        Notice = "notice",
        /// Also warnings.
        Warn = "warn",
        /// Errors.
        Error = "error",
        /// Critical conditions.
        Crit = "crit",
        /// What must be acted on at once.
        Alert = "alert",
        /// The node cannot work.
        Emerg = "emerg",
    }
}

words! {
    /// An entry of `dns_order`.
    DnsOrder {
        /// The type that succeeded last for this name.
        Last = "LAST",
        /// IPv4 addresses.
        A = "A",
        /// IPv6 addresses.
        Aaaa = "AAAA",
        /// Another name.
        Cname = "CNAME",
        /// Addresses with ports.
        Srv = "SRV",
    }
}

fn word<T>(value: Option<&Value>, parse: impl Fn(&str) -> Option<T>, default: T) -> T {
    value.and_then(Value::text).and_then(parse).unwrap_or(default)
}

impl FromValue for Database {
    fn from_value(value: Option<&Value>) -> Self {
        match value.and_then(Value::text) {
            Some("postgres") => Self::Postgres,
            Some("off") => Self::Off,
            _ => Self::Embedded,
        }
    }
}

impl FromValue for Role {
    fn from_value(value: Option<&Value>) -> Self {
        word(value, Self::parse, Self::Traditional)
    }
}

impl FromValue for RouterFlavor {
    fn from_value(value: Option<&Value>) -> Self {
        word(value, Self::parse, Self::TraditionalCompatible)
    }
}

impl FromValue for Consistency {
    fn from_value(value: Option<&Value>) -> Self {
        word(value, Self::parse, Self::Eventual)
    }
}

impl FromValue for LogLevel {
    fn from_value(value: Option<&Value>) -> Self {
        word(value, Self::parse, Self::Notice)
    }
}

impl FromValue for Vec<DnsOrder> {
    fn from_value(value: Option<&Value>) -> Self {
        let items = value.map(Value::items).unwrap_or_default();
        items.iter().filter_map(|item| DnsOrder::parse(&item.to_ascii_uppercase())).collect()
    }
}

/// The response headers that `headers` switches on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnabledHeaders {
    /// `Server`, on answers of the gateway itself.
    pub server: bool,
    /// `Via`, on answers of the upstream.
    pub via: bool,
    /// `X-Kong-Proxy-Latency`.
    pub proxy_latency: bool,
    /// `X-Kong-Response-Latency`, on answers of the gateway itself.
    pub response_latency: bool,
    /// `X-Kong-Admin-Latency`, on the Admin API.
    pub admin_latency: bool,
    /// `X-Kong-Upstream-Latency`.
    pub upstream_latency: bool,
    /// `X-Kong-Upstream-Status`.
    pub upstream_status: bool,
    /// `X-Kong-Request-Id`.
    pub request_id: bool,
}

impl EnabledHeaders {
    /// Switches on what `token` stands for; `false` when it is not known.
    pub(crate) fn enable(&mut self, token: &str) -> bool {
        match token.to_ascii_lowercase().as_str() {
            "server_tokens" => (self.server, self.via) = (true, true),
            "latency_tokens" => {
                self.proxy_latency = true;
                self.response_latency = true;
                self.admin_latency = true;
                self.upstream_latency = true;
            }
            "server" => self.server = true,
            "via" => self.via = true,
            "x-kong-proxy-latency" => self.proxy_latency = true,
            "x-kong-response-latency" => self.response_latency = true,
            "x-kong-admin-latency" => self.admin_latency = true,
            "x-kong-upstream-latency" => self.upstream_latency = true,
            "x-kong-upstream-status" => self.upstream_status = true,
            "x-kong-request-id" => self.request_id = true,
            _ => return false,
        }
        true
    }
}

impl FromValue for EnabledHeaders {
    // `off` counts only as the first entry. Source: kong 3.10 conf_loader.
    fn from_value(value: Option<&Value>) -> Self {
        let items = value.map(Value::items).unwrap_or_default();
        let mut enabled = Self::default();
        if items.first().is_some_and(|first| first != "off") {
            for token in items {
                enabled.enable(token);
            }
        }
        enabled
    }
}

/// The request headers that `headers_upstream` switches on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamHeaders {
    /// `X-Kong-Request-Id`.
    pub request_id: bool,
}

impl FromValue for UpstreamHeaders {
    fn from_value(value: Option<&Value>) -> Self {
        let items = value.map(Value::items).unwrap_or_default();
        let off = items.first().is_none_or(|first| first == "off");
        Self { request_id: !off && items.iter().any(|item| item.eq_ignore_ascii_case("x-kong-request-id")) }
    }
}

/// The peers whose `X-Forwarded-*` and real-IP headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedIps {
    /// Addresses and networks; an address is a network of one.
    pub networks: Vec<IpNet>,
    /// Whether peers on unix sockets are believed.
    pub unix: bool,
}

impl TrustedIps {
    /// Returns whether `address` is believed; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Reads an address or network; `None` when it is neither.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

impl FromValue for TrustedIps {
    fn from_value(value: Option<&Value>) -> Self {
        let items = value.map(Value::items).unwrap_or_default();
        Self {
            networks: items.iter().filter_map(|item| network(item)).collect(),
            unix: items.iter().any(|item| item == "unix:"),
        }
    }
}

/// What tells the client's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealIpHeader {
    /// The header of this name.
    Header(String),
    /// The PROXY protocol's header line.
    ProxyProtocol,
}

impl FromValue for RealIpHeader {
    fn from_value(value: Option<&Value>) -> Self {
        match value.and_then(Value::text) {
            Some("proxy_protocol") => Self::ProxyProtocol,
            name => Self::Header(name.unwrap_or("X-Real-IP").to_owned()),
        }
    }
}

/// The ports as the outside knows them, where something between renumbers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortMaps(Vec<(u16, u16)>);

impl PortMaps {
    /// Returns the port that clients connect to in order to reach the listener on `listening`.
    pub fn outside(&self, listening: u16) -> u16 {
        self.0.iter().rev().find(|(ours, _)| *ours == listening).map_or(listening, |(_, theirs)| *theirs)
    }

    /// Returns the pairs of listening and outside port.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u16)> {
        self.0.iter().copied()
    }

    /// Returns whether no port is renumbered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `OUTSIDE:LISTENING`.
    pub(crate) fn entry(text: &str) -> Option<(u16, u16)> {
        let (outside, listening) = text.split_once(':')?;
        let port = |text: &str| text.trim().parse().ok().filter(|port| *port != 0);
        Some((port(listening)?, port(outside)?))
    }
}

impl FromValue for PortMaps {
    fn from_value(value: Option<&Value>) -> Self {
        Self(value.map(Value::items).unwrap_or_default().iter().filter_map(|item| Self::entry(item)).collect())
    }
}

/// How many workers run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerCount {
    /// One for each CPU that the process may use.
    #[default]
    Auto,
    /// This many.
    Fixed(usize),
}

impl WorkerCount {
    /// Returns the number of workers on a machine with `cpus` usable CPUs; at least one.
    pub fn on(self, cpus: usize) -> usize {
        match self {
            Self::Auto => cpus.max(1),
            Self::Fixed(count) => count.max(1),
        }
    }
}

impl FromValue for WorkerCount {
    fn from_value(value: Option<&Value>) -> Self {
        value.and_then(Value::text).and_then(|text| text.parse().ok()).map_or(Self::Auto, Self::Fixed)
    }
}
