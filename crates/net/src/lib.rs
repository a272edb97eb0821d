//! The network: listeners, TLS, names, timers, connections that speak `http`, and pools of upstream connections. It
//! knows nothing of routes, plugins or configuration entities; what to do with a request is the [`Handler`]'s business.
//!
//! A worker is one thread in [`run`]; nothing here but statistics and names is shared between threads.

mod batch;
mod body;
mod buffers;
pub mod clock;
mod connection;
pub mod dns;
mod exchange;
mod flood;
mod forward;
mod gather;
mod h2;
mod life;
mod listen;
mod load;
pub mod memory;
mod places;
mod relay;
mod respond;
mod stream;
mod tcp;
pub mod tls;
mod tunnel;
mod upstream;
mod worker;

pub use body::Buffered;
pub use exchange::ClientError;
pub use exchange::Exchange;
pub use exchange::Forward;
pub use exchange::Peer;
pub use exchange::RelayError;
pub use exchange::TlsPeer;
pub use exchange::WriteHead;
pub use listen::Socket;
pub use listen::bind;
pub use load::Level;
pub use load::Load;
pub use upstream::Endpoint;
pub use upstream::KeepAlive;
pub use upstream::Timeouts;
pub use upstream::UpstreamError;
pub use upstream::UpstreamFailure;
pub use upstream::UpstreamTls;
pub use upstream::Upstreams;
pub use worker::Handler;
pub use worker::Settings;
pub use worker::Stage;
pub use worker::Stats;
pub use worker::WorkerSetup;
pub use worker::run;
