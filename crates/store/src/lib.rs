//! Where configuration lives and how it is written: the trait of stores, its backends, and the one
//! writer that admin, imports and cluster go through. It serves no requests and speaks no HTTP.

mod beside;
mod clock;
mod constraints;
#[cfg(test)]
mod contract;
pub mod embedded;
mod error;
pub mod memory;
pub mod page;
pub mod postgres;
mod progress;
mod publisher;
mod reads;
mod rows;
mod store;
mod watch;
pub mod writer;

pub use self::beside::Beside;
pub use self::clock::Clock;
pub use self::embedded::EmbeddedStore;
pub use self::error::StoreError;
pub use self::memory::MemoryStore;
pub use self::page::Page;
pub use self::page::PageQuery;
pub use self::page::TagFilter;
pub use self::page::TagMatch;
pub use self::postgres::PostgresStore;
pub use self::progress::Progress;
pub use self::publisher::News;
pub use self::publisher::PublishError;
pub use self::publisher::Publisher;
pub use self::publisher::Unpublished;
pub use self::store::Backend;
pub use self::store::Change;
pub use self::store::Changes;
pub use self::store::Documents;
pub use self::store::Operation;
pub use self::store::PackedDocuments;
pub use self::store::PackedPage;
pub use self::store::Store;
pub use self::store::TagPage;
pub use self::store::TagRow;
pub use self::store::Write;
pub use self::store::Written;
pub use self::watch::watch;
pub use self::writer::Code;
pub use self::writer::Key;
pub use self::writer::SharedWorld;
pub use self::writer::WriteError;
pub use self::writer::Writer;
