//! `/cache`: Kong's view into its entity cache. Workers here read whole snapshots, so no key is ever found and there is
//! nothing to purge; the endpoints stay for clients that call them.

use std::sync::Arc;

use http::StatusCode;

use crate::Admin;
use crate::call::Call;
use crate::reply::Outcome;
use crate::reply::Reply;

/// Answers `GET /cache/KEY`.
pub(super) async fn probe(_: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::not_found())
}

/// Answers `DELETE /cache` and `DELETE /cache/KEY`.
pub(super) async fn purge(_: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
