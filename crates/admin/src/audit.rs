//! The audit line: who asked for which write, when, and what came of it. It tells no body, no query and no secret: of a
//! key in a path only what is no secret is shown.

use std::net::SocketAddr;

use gibbon_model::Catalog;
use gibbon_model::Entity;
use http::Method;
use http::header;
use http::request::Parts;
use serde_json::Value;
use tracing::info;
use uuid::Uuid;

use crate::AUDIT;
use crate::paths::Found;
use crate::reply::Reply;

/// Parameters of paths that stand for no entity and may be told.
const SHOWN: [&str; 3] = ["address", "log_level", "tags"];

/// Who holds the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) SocketAddr);

/// Tells of a call, if it was one that writes.
pub(crate) fn tell(catalog: &Catalog, head: &Parts, found: &Found<'_>, reply: &Reply) {
    if !matches!(head.method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
        return;
    }
    let client = head.extensions.get::<Client>().map_or("unix:".to_owned(), |Client(address)| address.to_string());
    let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("-");
    let path = path(catalog, found);
    let (method, status, id) = (head.method.as_str(), reply.status.as_u16(), id(reply));
    info!(target: AUDIT, client, method, path, status, id, agent = ?agent, "audit");
}

/// Returns the path as it was asked for, without secrets.
fn path(catalog: &Catalog, found: &Found<'_>) -> String {
    let part = |part: &str| {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else { return part.to_owned() };
        let raw = found.raw_parameters.iter().find(|(known, _)| &**known == name).map_or("", |(_, raw)| raw);
        let may_be_told = match catalog.entity(name) {
            Some(entity) => !has_secret_key(entity) || Uuid::try_parse(raw).is_ok(),
            None => SHOWN.contains(&name),
        };
        if may_be_told { raw.to_owned() } else { "***".to_owned() }
    };
    found.endpoint.template.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Returns whether the key by which paths name an entity may be what a client proves himself with.
fn has_secret_key(entity: &Entity) -> bool {
    let key = entity.endpoint_key.and_then(|key| entity.record.field(key));
    key.is_some_and(|key| key.auto || key.encrypted || key.referenceable)
}

/// Returns the id of what was written, if the answer shows it.
fn id(reply: &Reply) -> String {
    let shown = serde_json::from_slice::<Value>(&reply.body).ok();
    let id = shown.as_ref().filter(|_| reply.status.is_success()).and_then(|shown| shown.get("id")?.as_str());
    id.unwrap_or("-").to_owned()
}
