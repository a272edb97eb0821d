//! Watches memory, lateness of workers, requests and connections of the node, and says when it takes no more. Requests ask
//! one atomic; what is decided here is decided four times a second.
//!
//! ```text
//!              ≥ threshold (workers: late three times in a row)
//!   normal ──────────────────────────────────────────────────→ shedding ─memory 10 % above→ refusing
//!      ←──────── below 95 % (workers: half) for five looks ────────┘ ←───── below again ──────┘
//! ```
//!
//! Too many requests or connections are turned away one by one where they come in; here that is only told.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gibbon_conf::Conf;
use gibbon_conf::Memory;
use gibbon_net::Level;
use gibbon_net::Load;
use gibbon_net::Stats;
use gibbon_net::memory;
use gibbon_sdk::env::NodeStats;
use gibbon_sdk::env::Pressure;

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(250);
/// So often in a row a worker must be late.
const LATE: u64 = 3;
/// So often in a row all must be well before it is over.
const CALM: u32 = 5;

/// A pressure with its memory of the last looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trip {
    on: bool,
    calm: u32,
}

impl Trip {
    /// Takes one look: `over` trips it, [`CALM`] looks that are `well` end it. Returns whether that changed it.
    fn look(&mut self, over: bool, well: bool) -> bool {
        let before = self.on;
        self.calm = if well && !over { self.calm + 1 } else { 0 };
        self.on = over || self.on && self.calm < CALM;
        self.on != before
    }
}

/// The bytes of memory from which on requests are shed; `None` if there is no such bound.
fn threshold(memory: Memory, available: Option<u64>) -> Option<u64> {
    match memory {
        Memory::Any => None,
        Memory::Bytes(bytes) => Some(bytes),
        Memory::Percent(percent) => available.map(|available| available / 100 * u64::from(percent)),
    }
}

/// What is seen in one look.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Bytes of memory that the process takes.
    resident: u64,
    /// Milliseconds that the latest worker was late.
    late: u64,
    /// How often in a row a worker was.
    in_a_row: u64,
    /// Requests shed and connections refused, ever.
    shed: u64,
    refused: u64,
}

/// Decides, from one look to the next.
struct Judge {
    memory: Option<u64>,
    lag: u64,
    trips: [Trip; 4],
    last: Seen,
}

impl Judge {
    /// Returns how much is taken on, and what has begun or ended with this look.
    fn look(&mut self, seen: Seen) -> (Level, Vec<(Pressure, bool)>) {
        let shed_by_us = self.trip(Pressure::Memory) || self.trip(Pressure::Lag);
        let looks = [
            (
                Pressure::Memory,
                self.memory.is_some_and(|most| seen.resident >= most),
                self.memory.is_none_or(|most| seen.resident < most / 100 * 95),
            ),
            (Pressure::Lag, self.lag > 0 && seen.in_a_row >= LATE, seen.in_a_row == 0 && seen.late * 2 <= self.lag),
            (Pressure::Requests, !shed_by_us && seen.shed > self.last.shed, seen.shed == self.last.shed),
            (Pressure::Connections, seen.refused > self.last.refused, seen.refused == self.last.refused),
        ];
        self.last = seen;
        let mut changes = Vec::new();
        for (pressure, over, well) in looks {
            let trip = &mut self.trips[pressure as usize];
            if trip.look(over, well) {
                changes.push((pressure, trip.on));
            }
        }
        let refuses = self.memory.is_some_and(|most| seen.resident >= most.saturating_add(most / 10));
        let level = match self.trip(Pressure::Memory) || self.trip(Pressure::Lag) {
            _ if refuses => Level::Refusing,
            true => Level::Shedding,
            false => Level::Normal,
        };
        (level, changes)
    }

    const fn trip(&self, pressure: Pressure) -> bool {
        self.trips[pressure as usize].on
    }
}

/// Watches until it is dropped.
pub(crate) async fn watch(conf: Arc<Conf>, load: Arc<Load>, workers: Vec<Arc<Stats>>, node: Arc<NodeStats>) {
    let most = threshold(conf.bounds.memory, memory::available());
    node.memory_threshold.store(most.unwrap_or_default(), Ordering::Relaxed);
    let lag = u64::try_from(conf.overload_lag.as_millis()).unwrap_or(u64::MAX);
    let mut judge = Judge { memory: most, lag, trips: <[Trip; 4]>::default(), last: Seen::default() };
    loop {
        let seen = see(&workers);
        node.resident.store(seen.resident, Ordering::Relaxed);
        node.lag_ms.store(seen.late, Ordering::Relaxed);
        node.shed.store(seen.shed, Ordering::Relaxed);
        node.refused.store(seen.refused, Ordering::Relaxed);
        let (level, changes) = judge.look(seen);
        load.set(level);
        for (pressure, on) in changes {
            node.pressures[pressure as usize].store(on, Ordering::Relaxed);
            tell(pressure, on, seen, &judge);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

fn see(workers: &[Arc<Stats>]) -> Seen {
    let most = |of: fn(&Stats) -> &AtomicU64| {
        workers.iter().map(|stats| of(stats).load(Ordering::Relaxed)).max().unwrap_or_default()
    };
    let sum = |of: fn(&Stats) -> &AtomicU64| workers.iter().map(|stats| of(stats).load(Ordering::Relaxed)).sum();
    Seen {
        resident: memory::resident().unwrap_or_default(),
        late: most(|stats| &stats.late_ms),
        in_a_row: most(|stats| &stats.late_in_a_row),
        shed: sum(|stats| &stats.shed),
        refused: sum(|stats| &stats.refused),
    }
}

/// Says what has begun or ended.
fn tell(pressure: Pressure, on: bool, seen: Seen, judge: &Judge) {
    let reason = pressure.name();
    let Seen { resident, late, shed, refused, .. } = seen;
    let threshold = judge.memory.unwrap_or_default();
    match (pressure, on) {
        (Pressure::Connections, true) => tracing::warn!(refused, "overload: connections are refused"),
        (_, true) => {
            tracing::warn!(reason, resident, threshold, late_ms = late, shed, "overload: requests are shed");
        }
        (_, false) => tracing::warn!(reason, resident, late_ms = late, shed, refused, "overload is over"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge() -> Judge {
        Judge { memory: Some(1000), lag: 100, trips: Default::default(), last: Seen::default() }
    }

    #[test]
    fn memory_trips_at_once_and_ends_after_calm() {
        let mut judge = judge();
        let look = |judge: &mut Judge, resident| judge.look(Seen { resident, ..Seen::default() }).0;
        for (resident, want) in
            [(999, Level::Normal), (1000, Level::Shedding), (1100, Level::Refusing), (1000, Level::Shedding)]
        {
            assert_eq!(look(&mut judge, resident), want, "{resident}");
        }
        // Just below is not well.
        for _ in 0..20 {
            assert_eq!(look(&mut judge, 960), Level::Shedding);
        }
        for _ in 1..CALM {
            assert_eq!(look(&mut judge, 900), Level::Shedding);
        }
        assert_eq!(look(&mut judge, 900), Level::Normal);
    }

    #[test]
    fn one_late_turn_is_no_overload() {
        let mut judge = judge();
        let look = |judge: &mut Judge, late, in_a_row| judge.look(Seen { late, in_a_row, ..Seen::default() });
        assert_eq!(look(&mut judge, 5000, 1).0, Level::Normal);
        assert_eq!(look(&mut judge, 150, 2).0, Level::Normal);
        assert_eq!(look(&mut judge, 150, 3), (Level::Shedding, vec![(Pressure::Lag, true)]));
        // Better, but not well.
        for _ in 0..20 {
            assert_eq!(look(&mut judge, 80, 0).0, Level::Shedding);
        }
        for _ in 1..CALM {
            assert_eq!(look(&mut judge, 50, 0).0, Level::Shedding);
        }
        assert_eq!(look(&mut judge, 0, 0), (Level::Normal, vec![(Pressure::Lag, false)]));
    }

    #[test]
    fn what_is_turned_away_elsewhere_is_told() {
        let mut judge = judge();
        let look = |judge: &mut Judge, shed, refused| judge.look(Seen { shed, refused, ..Seen::default() });
        assert_eq!(look(&mut judge, 0, 0), (Level::Normal, vec![]));
        assert_eq!(look(&mut judge, 1, 0), (Level::Normal, vec![(Pressure::Requests, true)]));
        assert_eq!(look(&mut judge, 1, 3), (Level::Normal, vec![(Pressure::Connections, true)]));
        for _ in 0..3 {
            assert_eq!(look(&mut judge, 1, 3).1, vec![]);
        }
        assert_eq!(look(&mut judge, 1, 3).1, vec![(Pressure::Requests, false)]);
        assert_eq!(look(&mut judge, 1, 3).1, vec![(Pressure::Connections, false)]);
    }

    #[test]
    fn a_share_is_of_what_there_is() {
        assert_eq!(threshold(Memory::Percent(90), Some(1000)), Some(900));
        assert_eq!(threshold(Memory::Percent(90), None), None);
        assert_eq!(threshold(Memory::Bytes(7), Some(1000)), Some(7));
        assert_eq!(threshold(Memory::Any, Some(1000)), None);
    }
}
