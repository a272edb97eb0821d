//! The network: listeners, TLS, names, timers, connections that speak `http`, and pools of upstream connections. It
//! knows nothing of routes, plugins or configuration entities; what to do with a request is the [`Handler`]'s business.
//!
//! A worker is one thread with one [`Worker`]; nothing here but statistics and names is shared between threads.

#![allow(clippy::todo, unused)]

mod buffers;
pub mod clock;
mod exchange;
mod stream;
mod upstream;
mod worker;

pub use exchange::Buffered;
pub use exchange::ClientError;
pub use exchange::Exchange;
pub use exchange::Forward;
pub use exchange::Peer;
pub use exchange::RelayError;
pub use exchange::TlsPeer;
pub use stream::Stream;
pub use upstream::Endpoint;
pub use upstream::KeepAlive;
pub use upstream::Timeouts;
pub use upstream::UpstreamError;
pub use upstream::UpstreamFailure;
pub use upstream::UpstreamTls;
pub use upstream::Upstreams;
pub use worker::Handler;
