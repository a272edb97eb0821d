//! `/status`: counts, memory and readiness, on the Admin API and the Status API.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use gibbon_model::declarative::EMPTY_HASH;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::Admin;
use crate::arguments::infer;
use crate::call::Call;
use crate::reply::Origin;
use crate::reply::Outcome;
use crate::reply::Reply;

/// Size of Kong's zone `kong`, in bytes.
const KONG_ZONE: u64 = 5 << 20;

/// Answers `GET /status?unit=b|k|m|g&scale=N`.
pub(super) async fn status(admin: &Arc<Admin>, call: Call) -> Outcome {
    let unit = call.query_text("unit").unwrap_or("m").to_owned();
    let scale = call.query_text("scale").and_then(infer::number).and_then(|number| number.as_f64());
    let size = |bytes: u64| sized(bytes, &unit, scale);
    let bad = |message| Box::new(Reply::message(StatusCode::BAD_REQUEST, message));
    size(0).map_err(bad)?;
    let memory = memory(admin, size).map_err(bad)?;
    let stats = &admin.env.stats;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut body = json!({
        "memory": memory,
        "server": {
            "connections_active": count(&stats.active),
            "connections_reading": count(&stats.reading),
            "connections_writing": count(&stats.writing),
            "connections_waiting": count(&stats.waiting),
            "connections_accepted": count(&stats.accepted),
            "connections_handled": count(&stats.handled),
            "total_requests": count(&stats.requests),
        },
    });
    if admin.env.dbless {
        body["configuration_hash"] = admin.writer.configuration_hash().into();
    } else {
        body["database"] = json!({ "reachable": admin.reachable().await });
    }
    Ok(Reply::ok(&body))
}

/// Returns a number of bytes in a unit, such as `12.34 MiB`; a plain integer for bytes.
fn sized(bytes: u64, unit: &str, scale: Option<f64>) -> Result<Value, String> {
    let (divisor, name) = match unit.to_ascii_lowercase().as_str() {
        "" => return Ok(bytes.to_string().into()),
        "b" => return Ok(bytes.into()),
        "k" => (1024.0, "KiB"),
        "m" => (1024.0 * 1024.0, "MiB"),
        "g" => (1024.0 * 1024.0 * 1024.0, "GiB"),
        _ if scale.is_some_and(|scale| scale < 0.0) => return Err(BAD_SCALE.to_owned()),
        _ => return Err(format!("invalid unit '{unit}' (expected 'k/K', 'm/M', or 'g/G')")),
    };
    let scale = scale.unwrap_or(2.0);
    if scale < 0.0 {
        return Err(BAD_SCALE.to_owned());
    }
    let places = scale.min(99.0) as usize;
    Ok(format!("{:.places$} {name}", bytes as f64 / divisor).into())
}

const BAD_SCALE: &str = "scale must be equal or greater than 0";

/// Returns the memory of the process. Workers are threads here, so one entry stands for all of them; Kong's shared memory
/// zones do not exist, and of those that monitors look at the size is shown with nothing allocated.
fn memory(admin: &Admin, size: impl Fn(u64) -> Result<Value, String>) -> Result<Value, String> {
    let zone = |capacity: u64| Ok::<_, String>(json!({ "allocated_slabs": size(0)?, "capacity": size(capacity)? }));
    let cache = gibbon_conf::units::size(&admin.env.conf.mem_cache_size).unwrap_or(0);
    Ok(json!({
        "workers_lua_vms": [{ "pid": std::process::id(), "http_allocated_gc": size(resident())? }],
        "lua_shared_dicts": { "kong": zone(KONG_ZONE)?, "kong_db_cache": zone(cache)? },
    }))
}

/// Returns the resident memory of the process in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * PAGE)
}

/// Answers `GET /status/dns`.
pub(super) async fn dns(_: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::message(StatusCode::NOT_IMPLEMENTED, "not implemented with the legacy DNS client"))
}

/// Answers `GET /status/ready`.
pub(super) async fn ready(admin: &Arc<Admin>, _: Call) -> Outcome {
    Ok(match not_ready(admin).await {
        None => Reply::message(StatusCode::OK, "ready"),
        Some(why) => Reply::message(StatusCode::SERVICE_UNAVAILABLE, why),
    })
}

/// Returns why the node is not ready.
async fn not_ready(admin: &Admin) -> Option<String> {
    if admin.state.draining.load(Ordering::Relaxed) {
        return Some("draining".to_owned());
    }
    let (ready, workers) = (admin.node.ready_workers(), admin.env.workers);
    if !admin.env.dbless {
        if !admin.reachable().await {
            return Some("failed to connect to database".to_owned());
        }
        return (ready == 0).then(|| "router builds not yet complete".to_owned());
    }
    if ready < workers {
        return Some(format!("router builds not yet complete, router ready in {ready} of {workers} workers"));
    }
    let empty = admin.writer.configuration_hash() == EMPTY_HASH;
    empty.then(|| "no configuration available (empty configuration present)".to_owned())
}

/// Answers `POST /status/ready`: from now on the node says that it drains.
pub(super) async fn drain(admin: &Arc<Admin>, call: Call) -> Outcome {
    let asked = super::schemas::parameters(call);
    if asked.get("status").and_then(Value::as_str) != Some("draining") {
        return Ok(Reply::page(StatusCode::BAD_REQUEST, Origin::EndpointPage));
    }
    admin.state.draining.store(true, Ordering::Relaxed);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sizes_as_kong_does() {
        for (unit, scale, want) in [
            ("m", None, Ok(json!("5.00 MiB"))),
            ("k", Some(0.0), Ok(json!("5120 KiB"))),
            ("G", None, Ok(json!("0.00 GiB"))),
            ("b", None, Ok(json!(5_242_880))),
            ("", None, Ok(json!("5242880"))),
            ("m", Some(-1.0), Err("scale must be equal or greater than 0".to_owned())),
            ("x", None, Err("invalid unit 'x' (expected 'k/K', 'm/M', or 'g/G')".to_owned())),
        ] {
            assert_eq!(sized(5 << 20, unit, scale), want, "{unit} {scale:?}");
        }
    }
}
