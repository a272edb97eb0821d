//! The nouns of the gateway: entities declared once, the catalog of all that a node knows, typed
//! entities for the data plane, and declarative files. No I/O, no clock, no store.

pub mod catalog;
pub mod declarative;
pub mod entities;
mod entity;
pub mod lua;
mod order;
pub mod plugin;

pub use gibbon_schema::Document;
pub use gibbon_schema::OnDelete;
pub use gibbon_schema::Options;

pub use self::catalog::Catalog;
pub use self::catalog::id_of;
pub use self::entity::Child;
pub use self::entity::Entity;
pub use self::entity::EntityDef;
pub use self::entity::Ref;
pub use self::entity::Transformation;
pub use self::plugin::PluginKind;
