//! `/tags`: which entities have which tags. They are read only: tags are written with their entities.

use std::sync::Arc;

use gibbon_schema::Document;
use gibbon_store::WriteError;

use crate::Admin;
use crate::call::Call;
use crate::generic::escaped;
use crate::listing;
use crate::reply::Outcome;

/// Answers `GET /tags`.
pub(super) async fn all(admin: &Arc<Admin>, call: Call) -> Outcome {
    let next = |offset: &str| {
        let size = call.query_text("size").map(|size| format!("&size={size}")).unwrap_or_default();
        format!("/tags?offset={}{size}", escaped(offset))
    };
    page(admin, None, &call, next).await
}

/// Answers `GET /tags/TAG`.
pub(super) async fn of(admin: &Arc<Admin>, call: Call) -> Outcome {
    let tag = call.parameter("tags").to_owned();
    if tag.contains([',', '/']) || tag.chars().any(char::is_control) {
        let message =
            format!("invalid tag '{tag}': expected printable ascii (except `,` and `/`) or valid utf-8 sequences");
        return Err(WriteError::invalid_unique("tag", message).into());
    }
    let next = |offset: &str| format!("/tags/{}?offset={}", call.raw_parameter("tags"), escaped(offset));
    page(admin, Some(&tag), &call, next).await
}

async fn page(admin: &Arc<Admin>, tag: Option<&str>, call: &Call, next: impl Fn(&str) -> String) -> Outcome {
    let size = listing::size(call)?;
    let (rows, offset) = admin.writer.store().tags(tag, size, listing::offset(call)).await.map_err(WriteError::from)?;
    let rows = rows.into_iter().map(|row| {
        Document::from_iter([
            ("tag".to_owned(), row.tag.into()),
            ("entity_name".to_owned(), row.entity_name.into()),
            ("entity_id".to_owned(), row.entity_id.into()),
        ])
    });
    let link = offset.as_deref().map(next);
    Ok(listing::reply(rows.collect(), offset.as_deref(), link))
}

/// Answers writes, which tags do not have.
pub(super) async fn refuse(_: &Arc<Admin>, _: Call) -> Outcome {
    Err(WriteError::field("tags", "does not support insert/upsert/update/delete operations").into())
}
