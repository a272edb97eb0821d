//! When things happened to a request, on the worker's monotonic clock.

/// Nanoseconds on a monotonic clock of this process; 0 is "has not happened".
pub type Nanos = u64;

/// The moments of one request, from which latencies are derived as Kong defines them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// The head was complete.
    pub started: Nanos,
    /// The same moment as wall-clock time, in milliseconds since the epoch.
    pub started_at_ms: u64,
    /// Access ended and the balancer began.
    pub balancer: Nanos,
    /// The upstream request began to be sent on the try that answered.
    pub sent: Nanos,
    /// The upstream's response head had arrived.
    pub answered: Nanos,
    /// The last byte had been given to the client's socket.
    pub ended: Nanos,
}

impl Timings {
    /// Returns milliseconds that the gateway spent before the upstream was asked (`X-Kong-Proxy-Latency`).
    pub fn proxy_ms(&self) -> u64 {
        Self::between(self.started, if self.sent == 0 { self.balancer } else { self.sent })
    }

    /// Returns milliseconds the upstream took to the first byte (`X-Kong-Upstream-Latency`); `None` without a try.
    pub fn upstream_ms(&self) -> Option<u64> {
        (self.sent != 0).then(|| Self::between(self.sent, self.answered))
    }

    /// Returns milliseconds from the start to `now` (`X-Kong-Response-Latency`).
    pub fn since_start_ms(&self, now: Nanos) -> u64 {
        Self::between(self.started, now)
    }

    fn between(from: Nanos, to: Nanos) -> u64 {
        to.saturating_sub(from) / 1_000_000
    }
}
