//! What scenarios begin with: a node with a service whose upstream keeps a ledger, and the commands beside it.

use gibbon_testkit::Gateway;
use gibbon_testkit::Ledger;
use gibbon_testkit::Upstream;
use gibbon_testkit::gateway::Setup;
use serde_json::Value;
use serde_json::json;

/// The binary under test.
pub(crate) const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");

/// A declarative document with service `s` and route `r` from `/r` to that port; `tag` marks the service.
pub(crate) fn document(port: u16, tag: &str) -> Value {
    json!({
        "_format_version": "3.0",
        "services": [{
            "name": "s",
            "url": format!("http://127.0.0.1:{port}"),
            "tags": [tag],
            "routes": [{"name": "r", "paths": ["/r"]}],
        }],
    })
}

/// A DB-less node in the foreground that serves `/r`, its upstream, and what that was asked.
pub(crate) fn dbless() -> anyhow::Result<(Gateway, Upstream, Ledger)> {
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let gateway = Setup::new(GIBBON).declarative(&document(upstream.port(), "first").to_string()).start()?;
    Ok((gateway, upstream, ledger))
}

/// The same with an embedded database.
pub(crate) fn embedded() -> anyhow::Result<(Gateway, Upstream, Ledger)> {
    let ledger = Ledger::new();
    let upstream = ledger.upstream()?;
    let gateway = Setup::new(GIBBON).embedded().start()?;
    serve(&gateway, upstream.port())?;
    Ok((gateway, upstream, ledger))
}

/// Creates service `s` and route `r` through the Admin API.
pub(crate) fn serve(gateway: &Gateway, port: u16) -> anyhow::Result<()> {
    gateway.create("/services", &json!({"name": "s", "url": format!("http://127.0.0.1:{port}")}))?;
    gateway.create("/services/s/routes", &json!({"name": "r", "paths": ["/r"]}))?;
    Ok(())
}
