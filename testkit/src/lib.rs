//! What tests of whole processes share: gateways, upstreams, a raw client, load, and the runner of README cases.
//!
//! It looks at Gibbon from outside only and depends on none of its crates. Threads and blocking sockets, because a test
//! should be read from top to bottom.

pub mod cases;
pub mod client;
pub mod dns;
pub mod gateway;
pub mod h2;
pub mod ledger;
pub mod load;
pub mod port;
pub mod postgres;
pub mod upstream;

pub use client::Answer;
pub use client::Connection;
pub use gateway::Gateway;
pub use ledger::Ledger;
pub use port::Port;
pub use postgres::Postgres;
pub use upstream::Upstream;

use std::time::Duration;
use std::time::Instant;

/// Asks `question` again and again until it answers, and returns the answer, or `None` when `limit` has passed.
pub fn eventually<T>(limit: Duration, mut question: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = question() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
