//! `request-size-limiting`: refuses requests whose body is larger than allowed, before the upstream sees anything of it.

use std::sync::Arc;

use gibbon_schema::{OneOf, Record};
use gibbon_sdk::http::{BodyError, Framing, Version};
use gibbon_sdk::{BuildError, Cx, Env, Filter, GO, Phases, Plugin, Reply, Scope, Step, Verdict};
use serde::Deserialize;

/// The kind.
pub struct RequestSizeLimiting;

/// What a user may set.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// Largest body that may pass, in `size_unit`.
    #[field(default = 128)]
    pub allowed_payload_size: Option<i64>,
    /// Unit of `allowed_payload_size`; powers of 1024.
    #[field(default = "megabytes")]
    pub size_unit: SizeUnit,
    /// Whether requests that do not declare their length are refused, chunked ones excepted.
    #[field(default = false)]
    pub require_content_length: bool,
}

/// A unit of size.
#[derive(Clone, Copy, Debug, Deserialize, OneOf)]
#[serde(rename_all = "lowercase")]
pub enum SizeUnit {
    /// 1,048,576 bytes.
    Megabytes,
    /// 1,024 bytes.
    Kilobytes,
    /// One byte.
    Bytes,
}

impl Plugin for RequestSizeLimiting {
    const NAME: &'static str = "request-size-limiting";
    const PRIORITY: i32 = 951;
    const PHASES: Phases = Phases::ACCESS;
    type Config = Config;
    type Filter = RequestSizeLimitingFilter;

    fn build(config: Config, _env: &Arc<Env>, _scope: &Scope) -> Result<RequestSizeLimitingFilter, BuildError> {
        let unit = match config.size_unit {
            SizeUnit::Megabytes => 1 << 20,
            SizeUnit::Kilobytes => 1 << 10,
            SizeUnit::Bytes => 1,
        };
        let allowed = config.allowed_payload_size.map(|size| size.saturating_mul(unit).clamp(-1, i64::MAX));
        Ok(RequestSizeLimitingFilter { allowed, require_length: config.require_content_length })
    }
}

/// A configured `request-size-limiting`.
pub struct RequestSizeLimitingFilter {
    /// In bytes; -1 lets nothing pass, not even an empty body; `None` (null) is a fault, as in Kong.
    allowed: Option<i64>,
    require_length: bool,
}

impl RequestSizeLimitingFilter {
    fn check(&self, cx: &mut Cx<'_>, length: u64, allowed: i64) -> Verdict {
        if i64::try_from(length).is_ok_and(|length| length <= allowed) { GO } else { Err(too_large(cx)) }
    }
}

impl Filter for RequestSizeLimitingFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        let Some(allowed) = self.allowed else { return Step::stop(Reply::status(500)) };
        let head = &cx.request().head;
        let chunked = head.framing == Framing::Chunked && head.version <= Version::Http11;
        if let Framing::Length(length) = head.framing {
            return self.check(cx, length, allowed).into();
        }
        if self.require_length && !chunked {
            return Step::stop(Reply::error(411, "A valid Content-Length header is required"));
        }
        if cx.body.is_done() {
            let read = cx.body_read.as_ref().map_or(0, Vec::len) as u64;
            return self.check(cx, read, allowed).into();
        }
        Step::later(async move {
            match cx.read_body(usize::try_from(allowed).unwrap_or(0)).await {
                Ok(body) => {
                    let length = body.len() as u64;
                    self.check(cx, length, allowed)
                }
                Err(BodyError::TooLarge) => Err(too_large(cx)),
                Err(_) => Err(Box::new(Reply::status(400))),
            }
        })
    }
}

/// Returns the refusal: 417 to a client that asked before sending, 413 to others.
fn too_large(cx: &mut Cx<'_>) -> Box<Reply> {
    let expect = cx.request().head.headers.get("expect").unwrap_or_default();
    let asked = expect.trim_ascii().eq_ignore_ascii_case(b"100-continue");
    Box::new(Reply::error(if asked { 417 } else { 413 }, "Request size limit exceeded"))
}

#[cfg(test)]
mod tests;
