//! Runs scenarios one after the other and says what came out: as `cargo test` does, and as a table. One at a time, since
//! each loads the machine, and times would tell of the others.

use std::fmt::Write as _;
use std::time::Duration;
use std::time::Instant;

use gibbon_testkit::load::Tally;

/// How much of a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// What CI has time for.
    Quick,
    /// What the table is made of.
    Full,
}

impl Scale {
    /// One number or the other.
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// A fault, and what must hold in spite of it.
pub(crate) struct Scenario {
    /// What it is called in the table and on the command line.
    pub(crate) name: &'static str,
    /// Where it is run: `Scale::Quick` means always.
    pub(crate) from: Scale,
    /// Does it. An error means that it could not be done; what did not hold stands in the row.
    pub(crate) run: fn(Scale) -> anyhow::Result<Row>,
}

/// What came out of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Row {
    done: String,
    requests: Option<(u64, u64)>,
    writes: Option<(u64, u64)>,
    recovery: Option<Duration>,
    wrong: Vec<String>,
}

impl Row {
    /// A row that tells what was done.
    pub(crate) fn new(done: impl Into<String>) -> Self {
        Self { done: done.into(), ..Self::default() }
    }

    /// Counts requests: how many were sent, how many failed that should not.
    pub(crate) fn requests(&mut self, sent: u64, failed: u64) {
        let (before, failures) = self.requests.unwrap_or_default();
        self.requests = Some((before + sent, failures + failed));
    }

    /// Counts the requests of a load of which none may fail; recovery is the longest wait for an answer.
    pub(crate) fn none_fails(&mut self, tally: &Tally) {
        self.requests(tally.sent, tally.failed());
        self.recovered(tally.longest);
        self.holds(tally.failed() == 0, || tally.complaint());
        self.holds(tally.sent > 0, || "nothing was asked".to_owned());
    }

    /// Counts writes: how many were acknowledged, how many of those were not found afterwards.
    pub(crate) fn writes(&mut self, acknowledged: u64, lost: u64) {
        self.writes = Some((acknowledged, lost));
        self.holds(lost == 0, || format!("{lost} acknowledged writes are lost"));
        self.holds(acknowledged > 0, || "nothing was written".to_owned());
    }

    /// Says how long it took until all was as before; the longest counts.
    pub(crate) fn recovered(&mut self, after: Duration) {
        self.recovery = Some(self.recovery.unwrap_or_default().max(after));
    }

    /// Something that must be so; `why` is told if it is not.
    pub(crate) fn holds(&mut self, condition: bool, why: impl FnOnce() -> String) {
        if !condition {
            self.wrong.push(why());
        }
    }

    fn cells(&self, name: &str) -> String {
        let pair = |pair: Option<(u64, u64)>| pair.map_or_else(|| "– | –".to_owned(), |(a, b)| format!("{a} | {b}"));
        let recovery = self.recovery.map_or_else(|| "–".to_owned(), |time| format!("{} ms", time.as_millis()));
        let verdict = if self.wrong.is_empty() { "held".to_owned() } else { self.wrong.join("; ") };
        format!("| {name} | {} | {} | {} | {recovery} | {verdict} |", self.done, pair(self.requests), pair(self.writes))
    }
}

const TABLE_HEAD: &str = "\
| scenario | what was done | requests sent | failed | writes acknowledged | lost | time to recover | verdict |
|---|---|---|---|---|---|---|---|";

/// Runs those scenarios whose name contains `filter`, and returns whether all held.
pub(crate) fn run(scenarios: &[Scenario], scale: Scale, filter: &str) -> bool {
    let begun = Instant::now();
    let wanted =
        |scenario: &&Scenario| (scale == Scale::Full || scenario.from == scale) && scenario.name.contains(filter);
    let chosen: Vec<_> = scenarios.iter().filter(wanted).collect();
    println!("\nrunning {} scenarios", chosen.len());
    let (mut table, mut failed) = (TABLE_HEAD.to_owned(), 0);
    for scenario in &chosen {
        let row = (scenario.run)(scale).unwrap_or_else(|error| {
            let mut row = Row::new("could not be done");
            row.holds(false, || format!("{error:#}"));
            row
        });
        let word = if row.wrong.is_empty() { "ok" } else { "FAILED" };
        failed += usize::from(!row.wrong.is_empty());
        println!("test {} ... {word} ({:.1} s)", scenario.name, begun.elapsed().as_secs_f64());
        for wrong in &row.wrong {
            println!("  {wrong}");
        }
        // Writing to a string cannot fail.
        _ = write!(table, "\n{}", row.cells(scenario.name).replace('\n', " "));
    }
    println!("\n{table}");
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        chosen.len() - failed,
        scenarios.len() - chosen.len(),
        begun.elapsed().as_secs_f64()
    );
    failed == 0
}
