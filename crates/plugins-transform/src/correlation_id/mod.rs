//! `correlation-id`: gives every request an id in a header, for the upstream and, on request, for the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gibbon_schema::{OneOf, Record};
use gibbon_sdk::{BuildError, Cx, Env, Filter, GO, Phases, Plugin, Scope, Step, Verdict};
use serde::Deserialize;
use uuid::Uuid;

/// The kind.
pub struct CorrelationId;

/// What a user may set.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// Header that carries the id; an id that the client sends is kept.
    #[field(default = "Kong-Request-ID")]
    pub header_name: Option<String>,
    /// How ids are made.
    #[field(default = "uuid#counter")]
    pub generator: Generator,
    /// Whether the client is told the id too.
    #[field(default = false)]
    pub echo_downstream: bool,
}

/// A way to make ids.
#[derive(Clone, Copy, Debug, Deserialize, OneOf)]
pub enum Generator {
    /// A random UUID for each request.
    #[serde(rename = "uuid")]
    Uuid,
    /// One UUID for the node, and a number that counts requests.
    #[serde(rename = "uuid#counter")]
    Counter,
    /// Server address, port and process, connection, request on the connection, time.
    #[serde(rename = "tracker")]
    Tracker,
}

impl Plugin for CorrelationId {
    const NAME: &'static str = "correlation-id";
    const PRIORITY: i32 = 100_001;
    const PHASES: Phases = Phases::ACCESS.and(Phases::HEADER);
    type Config = Config;
    type Filter = CorrelationIdFilter;

    fn build(config: Config, env: &Arc<Env>, _scope: &Scope) -> Result<CorrelationIdFilter, BuildError> {
        Ok(CorrelationIdFilter {
            header: config.header_name,
            generator: config.generator,
            echo: config.echo_downstream,
            series: env.state(),
        })
    }
}

/// The node's series of counted ids; it outlives changes of configuration.
struct Series {
    name: Uuid,
    last: AtomicU64,
}

impl Default for Series {
    fn default() -> Self {
        Self { name: Uuid::new_v4(), last: AtomicU64::new(0) }
    }
}

/// A configured `correlation-id`.
pub struct CorrelationIdFilter {
    /// `None` (null) means that there is nothing to set.
    header: Option<String>,
    generator: Generator,
    echo: bool,
    series: Arc<Series>,
}

impl CorrelationIdFilter {
    fn make(&self, cx: &Cx<'_>) -> String {
        match self.generator {
            Generator::Uuid => Uuid::new_v4().to_string(),
            Generator::Counter => {
                let count = self.series.last.fetch_add(1, Ordering::Relaxed) + 1;
                format!("{}#{count}", self.series.name)
            }
            Generator::Tracker => {
                let (server, client) = (cx.listener.address, cx.client);
                let now = cx.env.clock.wall_ms();
                format!(
                    "{}-{}-{}-{}-{}-{}.{:03}",
                    server.ip(),
                    server.port(),
                    std::process::id(),
                    client.connection,
                    client.connection_requests,
                    now / 1000,
                    now % 1000
                )
            }
        }
    }

    /// Returns the id that the request carries, unless it is empty.
    fn carried<'r>(cx: &'r Cx<'_>, header: &str) -> Option<&'r [u8]> {
        let request = cx.request.as_deref()?;
        request.head.headers.get(header).filter(|value| !value.is_empty())
    }
}

impl Filter for CorrelationIdFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        if let Some(header) = &self.header
            && Self::carried(cx, header).is_none()
        {
            let id = self.make(cx);
            cx.request().head.headers.set(header, &id);
        }
        Step::GO
    }

    fn header(&self, cx: &mut Cx<'_>) -> Verdict {
        let (Some(header), true) = (&self.header, self.echo) else { return GO };
        let id = match Self::carried(cx, header) {
            Some(id) => id.to_vec(),
            // The access phase did not run: nothing matched, or an earlier plugin answered.
            None => self.make(cx).into_bytes(),
        };
        cx.response.head.headers.set(header, id);
        GO
    }
}

#[cfg(test)]
mod tests;
