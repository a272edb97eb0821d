//! Chooses the HTTP status of what the store refuses. The texts are the store's.

use gibbon_store::Code;
use gibbon_store::WriteError;
use http::StatusCode;
use serde_json::Value;
use tracing::error;

use crate::reply::Reply;

impl From<WriteError> for Box<Reply> {
    fn from(refused: WriteError) -> Self {
        let status = match refused.code {
            Code::UniqueViolation => StatusCode::CONFLICT,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::OperationUnsupported => StatusCode::METHOD_NOT_ALLOWED,
            Code::DatabaseError | Code::TransformationError => {
                error!(error = %refused, source = ?refused.source, "a call of the Admin API failed");
                return Self::new(Reply::unexpected());
            }
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(Reply::json(status, &Value::Object(refused.body())))
    }
}
