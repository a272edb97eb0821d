//! The configuration as the workers see it.

mod shards;

pub use self::shards::Shards;
