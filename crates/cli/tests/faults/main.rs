//! The fault suite: kills and cuts under load, and counts what was lost. `tests/faults` runs all of it and prints a table,
//! `cargo test` the quick part. A scenario is a function that returns a [`Row`](suite::Row), and a line in [`SCENARIOS`].

mod background;
mod changes;
mod crash;
mod crowd;
mod exhaustion;
mod names;
mod panics;
mod replace;
mod setting;
mod suite;
mod upstreams;

use std::process::ExitCode;

use suite::Scale;
use suite::Scenario;

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "changes, embedded", from: Scale::Quick, run: changes::embedded },
    Scenario { name: "changes, DB-less", from: Scale::Quick, run: changes::dbless },
    Scenario { name: "reload", from: Scale::Quick, run: changes::reload },
    Scenario { name: "restart", from: Scale::Quick, run: replace::restart },
    Scenario { name: "restart, DB-less", from: Scale::Quick, run: replace::restart_dbless },
    Scenario { name: "restart that fails", from: Scale::Quick, run: replace::failed_restart },
    Scenario { name: "quit", from: Scale::Quick, run: replace::quit },
    Scenario { name: "quit under load", from: Scale::Quick, run: replace::quit_under_load },
    Scenario { name: "stop", from: Scale::Quick, run: replace::stop },
    Scenario { name: "logs moved away", from: Scale::Quick, run: crowd::logs_moved },
    Scenario { name: "kill -9 while writing", from: Scale::Quick, run: crash::kill_while_writing },
    Scenario { name: "an upstream dies", from: Scale::Quick, run: upstreams::dies },
    Scenario { name: "an upstream misbehaves", from: Scale::Quick, run: upstreams::misbehave },
    Scenario { name: "an upstream closes idle connections", from: Scale::Quick, run: upstreams::closes_idle },
    Scenario { name: "a POST on a stale connection", from: Scale::Quick, run: upstreams::stale_post },
    Scenario { name: "DNS away", from: Scale::Quick, run: names::away },
    Scenario { name: "a plugin panics", from: Scale::Quick, run: panics::in_every_phase },
    Scenario { name: "the clock jumps", from: Scale::Quick, run: panics::clock_jumps },
    Scenario { name: "disk full", from: Scale::Quick, run: exhaustion::disk },
    Scenario { name: "descriptors exhausted", from: Scale::Quick, run: exhaustion::descriptors },
    Scenario { name: "connections at once", from: Scale::Quick, run: crowd::at_once },
    Scenario { name: "clients go away", from: Scale::Quick, run: crowd::goes_away },
];

/// `FAULTS=full` runs all; the first word that is no option is a part of the names to run, as with `cargo test`.
fn main() -> ExitCode {
    let scale = if std::env::var("FAULTS").is_ok_and(|scale| scale == "full") { Scale::Full } else { Scale::Quick };
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    // Tools ask for the list of tests; the suite is one.
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    if suite::run(SCENARIOS, scale, &filter) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
