//! Targets of an upstream: the list of those in use, all of them, one by id or address, and their health.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use gibbon_model::entities::Upstream;
use gibbon_schema::Document;
use gibbon_schema::from_document;
use gibbon_store::Key;
use gibbon_store::PageQuery;
use http::Method;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tracing::error;

use crate::Admin;
use crate::HealthState;
use crate::call::Call;
use crate::generic::escaped;
use crate::health::Health;
use crate::listing;
use crate::reply::Outcome;
use crate::reply::Reply;

type Refused = Box<Reply>;

/// Answers `GET /upstreams/U/targets`: of each address the newest, newest first, weight 0 included.
pub(super) async fn active(admin: &Arc<Admin>, call: Call) -> Outcome {
    let upstream = upstream(admin, &call).await?;
    let (rows, offset) = page_of_active(admin, &upstream, &call).await?;
    let next = offset
        .as_deref()
        .map(|offset| format!("/upstreams/{}/targets?offset={}", call.raw_parameter("upstreams"), escaped(offset)));
    Ok(listing::reply(rows, offset.as_deref(), next))
}

/// Answers `GET /upstreams/U/targets/all`: every row.
pub(super) async fn all(admin: &Arc<Admin>, call: Call) -> Outcome {
    let upstream = upstream(admin, &call).await?;
    let id = admin.id_of("upstreams", &upstream);
    let query = PageQuery {
        parent: Some(("upstream", &id)),
        tags: None,
        size: listing::size(&call)?,
        offset: listing::offset(&call),
    };
    let page = admin.writer.page("targets", query).await?;
    let next = page
        .next
        .as_deref()
        .map(|offset| format!("/upstreams/{}/targets/all?offset={}", call.raw_parameter("upstreams"), escaped(offset)));
    Ok(listing::reply(page.rows, page.next.as_deref(), next))
}

/// Answers `/upstreams/U/targets/T`, where T is an id or an address; PUT changes what is there, as PATCH does.
pub(super) async fn one(admin: &Arc<Admin>, call: Call) -> Outcome {
    let upstream = upstream(admin, &call).await?;
    let target = target(admin, &upstream, &call).await?;
    if call.method == Method::GET {
        return Ok(Reply::ok(&Value::Object(target)));
    }
    let id = admin.id_of("targets", &target);
    let key = Key::Id(&id);
    if call.method == Method::DELETE {
        admin.writer.delete("targets", key).await?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let changed = admin.writer.update("targets", key, call.body).await?;
    Ok(Reply::ok(&Value::Object(changed)))
}

/// Answers `GET /upstreams/U/health`.
pub(super) async fn health(admin: &Arc<Admin>, call: Call) -> Outcome {
    let upstream = upstream(admin, &call).await?;
    let id = admin.id_of("upstreams", &upstream);
    let typed = typed(&upstream)?;
    let node_id = admin.env.node_id.to_string();
    if call.query_text("balancer_health") == Some("1") {
        let rows = active_rows(admin, &upstream).await?;
        let health = admin.node.health(&typed, &weighted(&rows)).await;
        return Ok(Reply::ok(&json!({ "data": health.of_balancer(&id), "next": null, "node_id": node_id })));
    }
    let (mut rows, offset) = page_of_active(admin, &upstream, &call).await?;
    let health = admin.node.health(&typed, &weighted(&rows)).await;
    rows.iter_mut().for_each(|row| add_health(row, &health));
    let next = offset
        .as_deref()
        .map(|offset| format!("/upstreams/{}/health?offset={}", call.raw_parameter("upstreams"), escaped(offset)));
    let mut body = json!({ "data": rows, "next": next, "node_id": node_id });
    if let Some(offset) = offset {
        body["offset"] = offset.into();
    }
    Ok(Reply::ok(&body))
}

/// Reads an upstream's document.
fn typed(upstream: &Document) -> Result<Upstream, Refused> {
    from_document(upstream.clone()).map_err(|error| {
        error!(%error, "a stored upstream cannot be read");
        Box::new(Reply::unexpected())
    })
}

/// Returns text and weight of targets.
fn weighted(rows: &[Document]) -> Vec<(String, u32)> {
    let weight =
        |row: &Document| row.get("weight").and_then(Value::as_u64).and_then(|weight| u32::try_from(weight).ok());
    let text = |row: &Document| row.get("target").and_then(Value::as_str).unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(row), weight(row).unwrap_or(100))).collect()
}

fn add_health(row: &mut Document, health: &Health) {
    let address = row.get("target").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (word, data) = health.of_target(&address);
    row.insert("health".to_owned(), word.into());
    if let Some(data) = data {
        row.insert("data".to_owned(), data);
    }
}

/// Answers `PUT …/healthy`.
pub(super) async fn set_healthy(admin: &Arc<Admin>, call: Call) -> Outcome {
    set_health(admin, &call, HealthState::Healthy).await
}

/// Answers `PUT …/unhealthy`.
pub(super) async fn set_unhealthy(admin: &Arc<Admin>, call: Call) -> Outcome {
    set_health(admin, &call, HealthState::Unhealthy).await
}

async fn set_health(admin: &Arc<Admin>, call: &Call, state: HealthState) -> Outcome {
    let upstream = upstream(admin, call).await?;
    let target = target(admin, &upstream, call).await?;
    let text =
        |document: &Document, name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let typed = typed(&upstream)?;
    if !typed.checks_health() {
        let message = format!("no healthchecker found for {}", typed.name);
        return Ok(Reply::message(StatusCode::BAD_REQUEST, message));
    }
    // An address that is none marks nothing; Kong's checker does not know it either.
    let only = Some(call.parameter("address")).filter(|address| !address.is_empty());
    match only.map(str::parse::<IpAddr>) {
        None => admin.node.set_health(&typed, &text(&target, "target"), None, state),
        Some(Ok(address)) => admin.node.set_health(&typed, &text(&target, "target"), Some(address), state),
        Some(Err(_)) => {}
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn upstream(admin: &Admin, call: &Call) -> Result<Document, Refused> {
    let found = admin.select("upstreams", call.parameter("upstreams")).await?;
    found.ok_or_else(|| Box::new(Reply::not_found()))
}

/// Finds a target of an upstream by id, or the newest by address.
async fn target(admin: &Admin, upstream: &Document, call: &Call) -> Result<Document, Refused> {
    let wanted = call.parameter("targets");
    let id = admin.id_of("upstreams", upstream);
    let found = if admin.is_id(wanted) {
        let found = admin.select("targets", wanted).await?;
        found.filter(|target| target.get("upstream").is_some_and(|upstream| upstream["id"] == id.as_str()))
    } else {
        let mut rows = admin.writer.children("targets", "upstream", &id).await?;
        rows.sort_by(by_age);
        rows.into_iter().rev().find(|row| row.get("target").and_then(Value::as_str) == Some(wanted))
    };
    found.ok_or_else(|| Box::new(Reply::not_found()))
}

/// Orders targets by the time they were made, then by id.
fn by_age(a: &Document, b: &Document) -> Ordering {
    let made = |row: &Document| row.get("created_at").and_then(Value::as_f64).unwrap_or_default();
    let id = |row: &Document| row.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    made(a).total_cmp(&made(b)).then_with(|| id(a).cmp(&id(b)))
}

/// Returns a page of the targets in use; its offset is a plain number.
async fn page_of_active(
    admin: &Admin,
    upstream: &Document,
    call: &Call,
) -> Result<(Vec<Document>, Option<String>), Refused> {
    let size = listing::size(call)?;
    let rows = active_rows(admin, upstream).await?;
    let start = listing::offset(call).and_then(|offset| offset.parse().ok()).unwrap_or(0usize);
    let end = start.saturating_add(size);
    let next = (rows.len() > end).then(|| end.to_string());
    Ok((rows.into_iter().skip(start).take(size).collect(), next))
}

/// Returns the targets in use: of each address the newest, newest first.
async fn active_rows(admin: &Admin, upstream: &Document) -> Result<Vec<Document>, Refused> {
    let mut rows = admin.writer.children("targets", "upstream", &admin.id_of("upstreams", upstream)).await?;
    rows.sort_by(|a, b| by_age(b, a));
    let mut seen: Vec<Value> = Vec::new();
    rows.retain(|row| {
        let address = row.get("target").cloned().unwrap_or_default();
        let new = !seen.contains(&address);
        if new {
            seen.push(address);
        }
        new
    });
    Ok(rows)
}
