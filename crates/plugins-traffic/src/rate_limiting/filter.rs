//! Counting requests, and saying how many are left.

use std::net::IpAddr;
use std::sync::Arc;

use gibbon_sdk::counters::{Counters, Identifier, Key, Period, Windows};
use gibbon_sdk::http::{Decimal, Headers, Name, name};
use gibbon_sdk::{Cx, Env, Filter, Reply, Scope, Step};
use smallvec::SmallVec;
use uuid::Uuid;

use super::limits::{self, Limit};
use super::{Config, LimitBy, Policy};

/// A configured `rate-limiting`.
pub struct RateLimitingFilter {
    kept: Kept,
    fault_tolerant: bool,
    limits: Vec<Limit>,
    limit_by: LimitBy,
    header_name: Option<String>,
    path: Option<String>,
    tell: bool,
    error_code: u16,
    error_message: String,
    counters: Arc<Counters>,
    route: Uuid,
    service: Uuid,
}

/// Where counts are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Here,
    /// Their backend cannot be reached; what follows is what Kong does when its Redis is down.
    Nowhere,
}

/// What became of a request at one limit.
#[derive(Clone, Copy)]
struct Used<'l> {
    limit: &'l Limit,
    start: u32,
    /// What is left, this request counted if it is among those that are.
    remaining: f64,
}

impl RateLimitingFilter {
    pub(super) fn new(config: Config, env: &Arc<Env>, scope: &Scope) -> Self {
        let kept = match config.policy.unwrap_or(Policy::Local) {
            // On the embedded database this node is the whole cluster.
            Policy::Local | Policy::Cluster => Kept::Here,
            Policy::Redis => {
                tracing::warn!(plugin = %scope.id, "rate-limiting: policy redis has no backend yet: requests are not counted");
                Kept::Nowhere
            }
        };
        Self {
            kept,
            fault_tolerant: config.fault_tolerant,
            limits: limits::of(&config),
            limit_by: config.limit_by.unwrap_or(LimitBy::Consumer),
            header_name: config.header_name,
            path: config.path,
            tell: !config.hide_client_headers,
            error_code: config.error_code.map_or(429, |code| code as u16),
            error_message: config.error_message.unwrap_or_default(),
            counters: env.state(),
            route: scope.route.unwrap_or_default(),
            service: scope.service.unwrap_or_default(),
        }
    }

    /// Writes who is counted. A client that cannot be told as configured is counted by its address.
    fn identify<'r>(&self, cx: &'r Cx<'_>, address: &'r mut [u8; 16]) -> Identifier<'r> {
        let consumer = cx.consumer.as_ref().map(|consumer| consumer.id);
        let credential = cx.credential.as_ref().and_then(|credential| credential.id);
        let head = cx.request.as_deref().map(|request| &request.head);
        let id = match self.limit_by {
            LimitBy::Consumer => consumer.or(credential),
            LimitBy::Credential => credential,
            LimitBy::Service => cx.service.map(|service| service.id),
            LimitBy::Ip | LimitBy::Header | LimitBy::Path => None,
        };
        if let Some(id) = id {
            return Identifier::Id(id);
        }
        let text = match (self.limit_by, &self.header_name, &self.path) {
            (LimitBy::Header, Some(name), _) => head.and_then(|head| head.headers.get(name)),
            (LimitBy::Path, _, Some(path)) => {
                head.map(|head| head.target.path()).filter(|sent| *sent == path.as_bytes())
            }
            _ => None,
        };
        let octets: &[u8] = match (text, cx.client.address) {
            (Some(text), _) => text,
            (None, IpAddr::V4(client)) => {
                address[..4].copy_from_slice(&client.octets());
                &address[..4]
            }
            (None, IpAddr::V6(client)) => {
                *address = client.octets();
                address
            }
        };
        Identifier::Bytes(octets)
    }

    /// Counts the request at every limit, or at none: what was taken is given back when a later limit is full.
    /// Returns what is left at each, and whether the request may pass.
    fn count(&self, windows: &Windows, now: u32) -> (SmallVec<[Used<'_>; 6]>, Outcome) {
        let starts = |limit: &Limit| limit.period.start(now);
        let full =
            self.limits.iter().position(|limit| windows.admit(limit.period, starts(limit), limit.admits).is_err());
        if let Some(full) = full {
            for limit in &self.limits[..full] {
                windows.take_back(limit.period, starts(limit));
            }
        }
        let used = |limit| {
            let start = starts(limit);
            let remaining = (limit.limit - f64::from(windows.count(limit.period, start))).max(0.0);
            Used { limit, start, remaining }
        };
        (self.limits.iter().map(used).collect(), if full.is_some() { Outcome::Refused } else { Outcome::Passes })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passes,
    Refused,
}

impl Filter for RateLimitingFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        if self.kept == Kept::Nowhere {
            return if self.fault_tolerant { Step::GO } else { Step::stop(Reply::status(500)) };
        }
        let now = u32::try_from(cx.timings.started_at_ms / 1000).unwrap_or(u32::MAX);
        let mut address = [0; 16];
        let identifier = self.identify(cx, &mut address);
        let key = Key { route: self.route, service: self.service, identifier };
        let (used, outcome) = self.counters.with(key, now, |windows| self.count(windows, now));
        if self.tell {
            tell(cx, &used, now, outcome);
        }
        match outcome {
            Outcome::Passes => Step::GO,
            Outcome::Refused => Step::stop(Reply::error(self.error_code, self.error_message.clone())),
        }
    }
}

const LIMIT: Name = name!("RateLimit-Limit");
const REMAINING: Name = name!("RateLimit-Remaining");
const RESET: Name = name!("RateLimit-Reset");
const RETRY_AFTER: Name = name!("Retry-After");

/// Puts limits and what is left on the answer. The general headers speak of the limit with the least left, and among
/// equals of the longest.
fn tell(cx: &mut Cx<'_>, used: &[Used<'_>], now: u32, outcome: Outcome) {
    let headers = &mut cx.response.head.headers;
    for used in used {
        headers.set_safe(used.limit.limit_header, &[used.limit.text.as_bytes()]);
        set_number(headers, used.limit.remaining_header, used.remaining);
    }
    let least = used.iter().rev().reduce(|least, used| if used.remaining < least.remaining { used } else { least });
    let Some(least) = least else { return };
    let reset = f64::from(reset(least.limit.period, least.start, now));
    headers.set_safe(LIMIT, &[least.limit.text.as_bytes()]);
    set_number(headers, REMAINING, least.remaining);
    set_number(headers, RESET, reset);
    if outcome == Outcome::Refused {
        set_number(headers, RETRY_AFTER, reset);
    }
}

/// Returns the seconds until the window is over, at least 1.
fn reset(period: Period, start: u32, now: u32) -> u32 {
    period.seconds().saturating_sub(now.saturating_sub(start)).max(1)
}

/// Sets a header to a number.
fn set_number(headers: &mut Headers, name: Name, number: f64) {
    // Nearly all are whole, and whole numbers are twenty times quicker to write.
    match number as u32 {
        whole if f64::from(whole) == number => headers.set_safe(name, &[Decimal::of(whole.into()).as_bytes()]),
        _ => headers.set(name, number.to_string()),
    }
}
