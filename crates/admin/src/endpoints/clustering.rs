//! `/clustering`: the data planes of a control plane. This node is none, and says so as Kong does.

use std::sync::Arc;

use http::StatusCode;

use crate::Admin;
use crate::call::Call;
use crate::reply::Outcome;
use crate::reply::Reply;

const NOT_CONTROL_PLANE: &str =
    "this endpoint is only available when Kong is configured to run as Control Plane for the cluster";

/// Answers `GET /clustering/…` on a node that configures no others.
pub(super) async fn not_control_plane(_: &Arc<Admin>, _: Call) -> Outcome {
    Ok(Reply::message(StatusCode::BAD_REQUEST, NOT_CONTROL_PLANE))
}
