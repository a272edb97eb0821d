//! The machine that requests run through: router, snapshot, plugin chain. It knows no plugin, no SQL, no Admin API.

pub mod chain;
pub mod path;
pub mod router;
pub mod snapshot;

mod access_log;
mod answer;
mod balancer;
mod cell;
mod certificates;
mod client;
mod date;
mod deliver;
mod forward;
mod gateway;
mod ids;
mod lease;
mod life;
mod overload;
mod route;
mod serving;
mod settings;
mod stop;
#[cfg(feature = "testing")]
pub mod testing;
mod upstream_tls;
mod walk;
mod worker;

pub use balancer::AddressView;
pub use balancer::Balancing;
pub use balancer::TargetView;
pub use certificates::PemPair;
pub use gateway::Gateway;
pub use gateway::GatewayParts;
pub use gateway::StartError;
