//! Where stores take the time from, so that expiry can be tested with values.

use std::sync::Arc;

/// A source of the time in seconds since 1970.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Clock {
    /// Returns a clock that asks `now`.
    pub fn new(now: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the system's clock.
    pub fn system() -> Self {
        Self::new(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.unwrap_or_default().as_secs_f64()
        })
    }

    /// Returns the time in seconds since 1970.
    pub fn now(&self) -> f64 {
        (self.0)()
    }
}
