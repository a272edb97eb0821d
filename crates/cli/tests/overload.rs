//! A whole node past its bounds: clients are turned away, whoever runs it is not.

use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");

#[test]
fn control_traffic_is_never_shed() -> anyhow::Result<()> {
    // No process is that small: it is over from the start.
    let gateway = Setup::new(GIBBON).property("overload_memory", "1m").start()?;
    let refused = eventually(std::time::Duration::from_secs(30), || {
        client::send(gateway.proxy(), &Request::new("GET", "/")).err()
    });
    anyhow::ensure!(refused.is_some(), "clients are served");
    for path in ["/status", "/metrics", "/services"] {
        let answer = client::send(gateway.admin(), &Request::new("GET", path))?;
        assert_eq!(answer.status, 200, "{path}");
    }
    // Counts are told four times a second.
    let told = eventually(std::time::Duration::from_secs(30), || {
        let text = client::send(gateway.admin(), &Request::new("GET", "/metrics")).ok()?.text();
        let has = |line: &str| text.lines().any(|known| known == line);
        let shows = has("kong_gibbon_overload{reason=\"memory\"} 1")
            && has("kong_gibbon_overload{reason=\"lag\"} 0")
            && has("kong_gibbon_memory_threshold_bytes 1048576")
            && !has("kong_gibbon_refused_connections_total 0");
        shows.then_some(())
    });
    anyhow::ensure!(told.is_some(), "metrics do not tell");
    let log = std::fs::read_to_string(gateway.folder().join("prefix/logs/error.log"))?;
    let told = log.lines().filter(|line| line.contains("overload: requests are shed")).count();
    assert_eq!(told, 1, "once, at the edge: {log}");
    Ok(())
}
