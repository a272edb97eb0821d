//! `/debug`: the level of the error log, read and changed for a while.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use http::StatusCode;

use crate::Admin;
use crate::arguments::infer;
use crate::call::Call;
use crate::reply::Outcome;
use crate::reply::Reply;

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"];
/// How long a change lasts, in seconds, when the call does not say.
const TIMEOUT: f64 = 60.0;

/// Answers `GET /debug/node/log-level`.
pub(super) async fn log_level(admin: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::message(StatusCode::OK, format!("log level: {}", admin.node.log_level())))
}

/// Answers `PUT /debug/node/log-level/LEVEL?timeout=SECONDS`.
pub(super) async fn set_log_level(admin: &Arc<Admin>, call: Call) -> Outcome {
    if admin.env.dbless {
        let message = "cannot change log level when not using a database";
        return Ok(Reply::message(StatusCode::METHOD_NOT_ALLOWED, message));
    }
    let level = call.parameter("log_level").to_owned();
    if !LEVELS.contains(&level.as_str()) {
        return Ok(Reply::message(StatusCode::BAD_REQUEST, format!("unknown log level: {level}")));
    }
    let timeout = call.query_text("timeout").and_then(infer::number).and_then(|number| number.as_f64());
    let timeout = timeout.unwrap_or(TIMEOUT).ceil();
    if timeout < 0.0 {
        return Ok(Reply::message(StatusCode::BAD_REQUEST, "timeout must be greater than or equal to 0"));
    }
    let before = admin.node.log_level();
    if before == level {
        return Ok(Reply::message(StatusCode::OK, format!("log level is already {level}")));
    }
    if !admin.node.set_log_level(&level) {
        let message = "failed setting log level: it is fixed on this node";
        return Ok(Reply::message(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    // A timeout of 0 lasts, as with Kong, until the level is changed again.
    if timeout > 0.0 {
        revert_after(admin, Duration::from_secs_f64(timeout.min(f64::from(u32::MAX))), before);
    }
    Ok(Reply::message(StatusCode::OK, "log level changed"))
}

/// Takes the change back after a while, unless another came in between.
fn revert_after(admin: &Arc<Admin>, timeout: Duration, before: String) {
    let admin = Arc::clone(admin);
    let mine = {
        let mut changes = admin.state.log_level_changes.lock().unwrap_or_else(PoisonError::into_inner);
        *changes += 1;
        *changes
    };
    tokio::spawn(async move {
        tokio::time::sleep(timeout).await;
        let changes = admin.state.log_level_changes.lock().unwrap_or_else(PoisonError::into_inner);
        if *changes == mine {
            admin.node.set_log_level(&before);
        }
    });
}
