//! What a client sends beside the path: query, form, multipart and JSON, read into documents.
//!
//! ```text
//! query ─────────┐
//! form ──────────┼─► pairs ── nest names ──► document ── infer types by schema ──► document
//! multipart ─────┘
//! JSON ──────────────────────────────────────────────────────────────────────────► document, as it is
//! ```

pub(crate) mod decode;
pub(crate) mod infer;
pub(crate) mod multipart;
pub(crate) mod query;
