//! Pages of documents: size, offset, tags, and the link to the next page.

use std::sync::Arc;

use gibbon_schema::Document;
use gibbon_store::PageQuery;
use gibbon_store::TagFilter;
use gibbon_store::TagMatch;
use gibbon_store::WriteError;
use serde_json::Value;
use serde_json::json;

use crate::Admin;
use crate::arguments::infer;
use crate::call::Call;
use crate::generic::escaped;
use crate::reply::Outcome;
use crate::reply::Reply;

/// Size of a page that is not asked for.
const SIZE: usize = 100;
/// Largest page.
const MAX_SIZE: f64 = 1000.0;
/// Most tags of a filter.
const MAX_TAGS: usize = 5;

/// A filter by tags, as it was asked for.
struct Tags {
    names: Vec<String>,
    matching: TagMatch,
}

/// Answers `GET /E`.
pub(crate) async fn list(admin: &Arc<Admin>, entity: &'static str, call: &Call) -> Outcome {
    let tags = tags(admin, entity, call)?;
    let size = size(call)?;
    let filter = tags.as_ref().map(|tags| TagFilter { tags: &tags.names, matching: tags.matching });
    let query = PageQuery { parent: None, tags: filter, size, offset: offset(call) };
    let page = admin.writer.page(entity, query).await?;
    let next = page.next.as_ref().map(|offset| {
        let mut next = format!("/{}?offset={}", admin.path(entity), escaped(offset));
        if let Some(tags) = first_text(call.query.get("tags")) {
            next.push_str("&tags=");
            next.push_str(&escaped(&tags));
        }
        if let Some(size) = first_text(call.query.get("size")) {
            next.push_str("&size=");
            next.push_str(&size);
        }
        next
    });
    Ok(reply(page.rows, page.next.as_deref(), next))
}

/// Answers `GET /P/{P}/E`.
pub(crate) async fn list_below(
    admin: &Arc<Admin>,
    parent: &'static str,
    field: &'static str,
    child: &'static str,
    id: &str,
    call: &Call,
) -> Outcome {
    // The tags are checked, but no store of Kong's filters nested pages by them.
    tags(admin, child, call)?;
    let query = PageQuery { parent: Some((field, id)), tags: None, size: size(call)?, offset: offset(call) };
    let page = admin.writer.page(child, query).await?;
    let next = page.next.as_ref().map(|offset| {
        let (parent_path, key) = (admin.path(parent), call.raw_parameter(parent));
        format!("/{parent_path}/{key}/{}?offset={}", admin.nested_path(child), escaped(offset))
    });
    Ok(reply(page.rows, page.next.as_deref(), next))
}

/// Returns the answer of a page: `data`, `next`, and `offset` unless it is the last.
pub(crate) fn reply(rows: Vec<Document>, offset: Option<&str>, next: Option<String>) -> Reply {
    let mut body = Document::from_iter([
        ("data".to_owned(), rows.into_iter().map(Value::Object).collect()),
        ("next".to_owned(), json!(next)),
    ]);
    if let Some(offset) = offset {
        body.insert("offset".to_owned(), json!(offset));
    }
    Reply::ok(&Value::Object(body))
}

/// Returns the place that the client asks for.
pub(crate) fn offset(call: &Call) -> Option<&str> {
    call.query_text("offset")
}

/// Returns the size that the client asks for.
pub(crate) fn size(call: &Call) -> Result<usize, Box<Reply>> {
    let Some(size) = call.query.get("size") else { return Ok(SIZE) };
    let number = match size {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => infer::number(text).and_then(|number| number.as_f64()),
        _ => None,
    };
    match number {
        None => Err(WriteError::invalid_size("size must be a number").into()),
        Some(size) if size.fract() == 0.0 && (1.0..=MAX_SIZE).contains(&size) => Ok(size as usize),
        Some(_) => Err(WriteError::invalid_size("size must be an integer between 1 and 1000").into()),
    }
}

/// Returns a text, or the first of a list of texts.
fn first_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => first_text(items.first()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads `?tags=a,b` (all of them) or `?tags=a/b` (one of them).
fn tags(admin: &Admin, entity: &'static str, call: &Call) -> Result<Option<Tags>, Box<Reply>> {
    let refused = |message: &str| {
        let options = Document::from_iter([("tags".to_owned(), json!(message))]);
        Err(WriteError::invalid_options(&options).into())
    };
    let Some(asked) = call.query.get("tags").filter(|_| admin.tagged(entity)) else { return Ok(None) };
    let Some(text) = first_text(Some(asked)) else { return refused("cannot be null") };
    let allowed = |character: char| matches!(character, ' '..='~') || !character.is_ascii();
    let (separator, matching) = match (text.contains(','), text.contains('/')) {
        (true, true) => return refused("invalid filter syntax"),
        (_, false) => (',', TagMatch::All),
        (false, true) => ('/', TagMatch::Any),
    };
    let body = text.strip_suffix(separator).unwrap_or(&text);
    let mut names: Vec<String> = body.split(separator).map(str::to_owned).collect();
    if names.iter().any(|name| name.is_empty() || !name.chars().all(allowed)) {
        return refused("invalid filter syntax");
    }
    if body.len() < text.len() {
        names.push(String::new());
    }
    if names.len() > MAX_TAGS {
        return refused("cannot query more than 5 tags");
    }
    Ok(Some(Tags { names, matching }))
}
