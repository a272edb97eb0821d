//! Runs the wire corpus (`tests/corpus`): each request goes through a real Gibbon to a recorder, to hyper and to nginx,
//! and must be refused or be read the same way by all three; each response must reach the client whole, or not as one.
//!
//! `CORPUS=chunk` runs the cases whose name contains the word.

mod answers;
mod bench;
mod case;
mod h2;
mod judge;
mod responses;
mod seen;
mod servers;

use std::path::Path;

use bench::Bench;
use case::Case;
use case::Kind;

/// The cases whose kind is wanted, of those that `CORPUS` selects.
fn cases(wanted: impl Fn(&Kind) -> bool) -> anyhow::Result<Vec<Case>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let selected = std::env::var("CORPUS").unwrap_or_default();
    let mut cases = case::read_all(&top)?;
    cases.retain(|case| wanted(&case.kind) && case.name.contains(&selected));
    Ok(cases)
}

fn report(failures: &[String], of: usize) {
    assert!(failures.is_empty(), "{} of {of} cases fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn requests_are_read_the_same_way_by_all_or_refused() -> anyhow::Result<()> {
    let cases = cases(|kind| !matches!(kind, Kind::Response { .. }))?;
    let benches = [Bench::recorder()?, Bench::hyper()?, Bench::nginx()?];
    // Every bench takes the cases in order; the benches run beside each other.
    let observed = std::thread::scope(|scope| {
        let runs: Vec<_> = benches.iter().map(|bench| scope.spawn(|| bench.run_all(&cases))).collect();
        runs.into_iter().map(|run| run.join().expect("invariant: a bench reports errors")).collect::<Vec<_>>()
    });
    let mut failures = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let each: Vec<_> = benches.iter().zip(&observed).map(|(bench, runs)| (bench.name, &runs[at])).collect();
        if let Err(error) = judge::request(case, &each) {
            failures.push(format!("{}: {error:#}", case.name));
        }
    }
    report(&failures, cases.len());
    Ok(())
}

#[test]
fn responses_arrive_whole_or_not_at_all() -> anyhow::Result<()> {
    let cases = cases(|kind| matches!(kind, Kind::Response { .. }))?;
    report(&responses::run_all(&cases)?, cases.len());
    Ok(())
}
