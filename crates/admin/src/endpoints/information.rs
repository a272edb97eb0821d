//! `/`, `/endpoints`, `/timers`, `/plugins/enabled`: what the node is and has.

use std::sync::Arc;

use gibbon_store::WriteError;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::Admin;
use crate::call::Call;
use crate::reply::Outcome;
use crate::reply::Reply;

/// The Kong that answers are those of.
const COMPATIBLE: &str = gibbon_model::plugin::VERSION;

/// Answers `GET /`.
pub(super) async fn root(admin: &Arc<Admin>, _: Call) -> Outcome {
    let mut in_cluster: Vec<String> = Vec::new();
    for plugin in admin.writer.store().list("plugins").await.map_err(WriteError::from)? {
        let name = plugin.get("name").and_then(Value::as_str).unwrap_or_default();
        if !in_cluster.iter().any(|held| held == name) {
            in_cluster.push(name.to_owned());
        }
    }
    let on_server: Map<String, Value> = admin
        .catalog
        .plugins()
        .map(|kind| (kind.name.to_string(), json!({ "version": kind.version, "priority": kind.priority })))
        .collect();
    let names: Vec<String> = on_server.keys().cloned().collect();
    let mut configuration = admin.env.conf.to_json(names.iter().map(String::as_str));
    configuration.insert("log_level".to_owned(), json!(admin.node.log_level()));
    let (master, workers) = admin.node.process_ids();
    Ok(Reply::ok(&json!({
        "tagline": "Welcome to kong",
        "version": COMPATIBLE,
        "gibbon_version": env!("CARGO_PKG_VERSION"),
        "edition": "community",
        "hostname": admin.env.hostname,
        "node_id": admin.env.node_id.to_string(),
        // Timers are tasks of the runtime here; Kong's clients only look whether the numbers are there.
        "timers": { "running": 0, "pending": 0 },
        "plugins": { "available_on_server": on_server, "enabled_in_cluster": in_cluster },
        // The language that plugins of Kong are written in, for clients that look.
        "lua_version": "LuaJIT 2.1",
        "configuration": configuration,
        "pids": { "master": master, "workers": workers },
    })))
}

/// Answers `GET /endpoints`.
pub(super) async fn endpoints(admin: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::ok(&json!({ "data": admin.templates })))
}

/// Answers `GET /plugins/enabled`.
pub(super) async fn enabled_plugins(admin: &Arc<Admin>, _: Call) -> Outcome {
    let names: Vec<&str> = admin.catalog.plugins().map(|kind| kind.name).collect();
    Ok(Reply::ok(&json!({ "enabled_plugins": names })))
}

/// Answers `GET /timers`. There are no timers to look into: what Kong runs on timers are tasks of the runtime.
pub(super) async fn timers(admin: &Arc<Admin>, _: Call) -> Outcome {
    let sys = json!({ "running": 0, "pending": 0, "waiting": 0, "total": 0, "runs": 0 });
    Ok(Reply::ok(&json!({
        "worker": { "id": 0, "count": admin.env.workers },
        "stats": { "flamegraph": { "running": "", "pending": "", "elapsed_time": "" }, "sys": sys, "timers": {} },
    })))
}
