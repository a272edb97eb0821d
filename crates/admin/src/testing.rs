//! The parser of bodies by itself, for tests that feed it bytes no client would send. It serves nothing.

use bytes::Bytes;
use futures_util::FutureExt as _;
use gibbon_model::Catalog;
use gibbon_schema::Document;
use gibbon_schema::Record;

/// Returns the document that the Admin API makes of a body before validation, `None` when it refuses it.
pub fn document(content_type: &str, body: &[u8], record: &Record, catalog: &Catalog) -> Option<Document> {
    let bytes = Bytes::copy_from_slice(body);
    let read = crate::intake::body(content_type, &bytes, Some(record), catalog);
    // All of the body is there, so that nothing has to be waited for.
    read.now_or_never()?.ok().map(|(document, _)| document)
}
