//! The name servers are away: what was known is served on, and what has changed is seen when they are back.

use std::net::Ipv4Addr;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use gibbon_testkit::Ledger;
use gibbon_testkit::Upstream;
use gibbon_testkit::dns::NameServer;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;
use gibbon_testkit::load::Load;
use gibbon_testkit::load::Plan;
use serde_json::json;

use crate::setting::GIBBON;
use crate::suite::Row;
use crate::suite::Scale;

/// The only name server falls silent for longer than its answers are good, and comes back with another address.
pub(crate) fn away(scale: Scale) -> anyhow::Result<Row> {
    let silence = Duration::from_secs(scale.pick(3, 10));
    let (first, second) = (Ledger::new(), Ledger::new());
    let before = first.upstream()?;
    let own = second.clone();
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    let _after = Upstream::start_at((elsewhere, before.port()).into(), move |received| own.answer(received))?;
    let names = NameServer::start(Ipv4Addr::LOCALHOST)?;
    let document = json!({
        "_format_version": "3.0",
        "services": [{
            "name": "s",
            "url": format!("http://up.faults.test:{}", before.port()),
            "routes": [{"name": "r", "paths": ["/r"]}],
        }],
    });
    let setup = Setup::new(GIBBON).declarative(&document.to_string());
    let gateway = setup.property("dns_resolver", &names.address().to_string()).start()?;
    let mut row = Row::new(format!(
        "the name server is silent for {} s (answers are good for 1 s), then back with another address",
        silence.as_secs()
    ));
    let load = Load::start(&Plan::get(gateway.proxy(), "/r"));
    load.wait_for(100).with_context(|| gateway.log())?;
    names.set(None);
    let silent = Instant::now();
    while silent.elapsed() < silence {
        load.wait_for(50)?;
    }
    names.set(Some(elsewhere));
    let back = Instant::now();
    let moved = eventually(Duration::from_secs(15), || (second.total() > 0).then_some(()));
    let tally = load.stop();
    row.requests(tally.sent, tally.failed());
    row.holds(tally.failed() == 0, || tally.complaint());
    row.recovered(back.elapsed());
    row.holds(moved.is_some(), || "the new address is not used".to_owned());
    Ok(row)
}
