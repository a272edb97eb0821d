//! `request-termination`: answers itself, with a fixed answer or with what it saw of the request.

mod echo;

use std::sync::Arc;

use gibbon_schema::{Record, Value, typedefs};
use gibbon_sdk::http::query::Args;
use gibbon_sdk::{BuildError, Cx, Env, Filter, MAX_ARGUMENTS, Phases, Plugin, Reply, Scope, Step};
use serde::Deserialize;

/// The kind.
pub struct RequestTermination;

/// What a user may set.
#[derive(Clone, Debug, Deserialize, Record)]
#[record(custom = check)]
pub struct Config {
    /// Status of the answer.
    #[field(default = 503, between(100, 599))]
    pub status_code: u16,
    /// Message of a JSON answer; that of the status when left out.
    pub message: Option<String>,
    /// Content-Type of `body`.
    pub content_type: Option<String>,
    /// Body of the answer, as it stands.
    pub body: Option<String>,
    /// Whether the answer shows the request, and the route and service it matched.
    #[field(default = false)]
    pub echo: bool,
    /// Header or query argument without which requests pass.
    #[field(base = typedefs::header_name)]
    pub trigger: Option<String>,
}

/// Tells whether the members go together.
fn check(config: &Value) -> Result<(), String> {
    let is_set = |name: &str| config.get(name).is_some_and(|value| !value.is_null());
    let (content_type, body) = (is_set("content_type"), is_set("body"));
    if is_set("message") && (content_type || body) {
        return Err("message cannot be used with content_type or body".to_owned());
    }
    if content_type && !body {
        return Err("content_type requires a body".to_owned());
    }
    if config.get("echo") == Some(&Value::Bool(true)) && (content_type || body) {
        return Err("echo cannot be used with content_type and body".to_owned());
    }
    Ok(())
}

impl Plugin for RequestTermination {
    const NAME: &'static str = "request-termination";
    const PRIORITY: i32 = 2;
    const PHASES: Phases = Phases::ACCESS;
    type Config = Config;
    type Filter = RequestTerminationFilter;

    fn build(config: Config, _env: &Arc<Env>, _scope: &Scope) -> Result<RequestTerminationFilter, BuildError> {
        Ok(RequestTerminationFilter { config })
    }
}

/// A configured `request-termination`.
pub struct RequestTerminationFilter {
    config: Config,
}

impl RequestTerminationFilter {
    fn is_triggered(&self, cx: &mut Cx<'_>) -> bool {
        let Some(trigger) = &self.config.trigger else { return true };
        let in_query = cx.query().is_some_and(|query| Args::parse(query, MAX_ARGUMENTS).contains(trigger));
        in_query || cx.request().head.headers.contains(trigger)
    }

    fn message(&self) -> Option<&str> {
        self.config.message.as_deref().or(match self.config.status_code {
            401 => Some("Unauthorized"),
            404 => Some("Not found"),
            405 => Some("Method not allowed"),
            500 => Some("An unexpected error occurred"),
            502 => Some("Bad Gateway"),
            503 => Some("Service unavailable"),
            _ => None,
        })
    }
}

impl Filter for RequestTerminationFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        if !self.is_triggered(cx) {
            return Step::GO;
        }
        let status = self.config.status_code;
        if self.config.echo {
            return Step::later(
                async move { Err(Box::new(Reply::json(status, echo::tell(cx, self.message()).await))) },
            );
        }
        Step::stop(match (&self.config.body, self.message()) {
            (Some(body), _) => {
                let reply =
                    Reply { body: gibbon_sdk::ReplyBody::Bytes(body.clone().into_bytes()), ..Reply::empty(status) };
                match &self.config.content_type {
                    Some(content_type) => reply.with("Content-Type", content_type),
                    None => reply,
                }
            }
            (None, Some(message)) => Reply::message(status, message),
            (None, None) => Reply::empty(status),
        })
    }
}

#[cfg(test)]
mod tests;
