//! WebAssembly filters: every path of theirs says that there is no WebAssembly.

use std::sync::Arc;

use http::StatusCode;

use crate::Admin;
use crate::call::Call;
use crate::reply::Outcome;
use crate::reply::Reply;

/// Answers all calls below `/filter-chains` and `/…/filters`.
pub(super) async fn not_enabled(_: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::message(StatusCode::BAD_REQUEST, "this endpoint is only available when wasm is enabled"))
}
