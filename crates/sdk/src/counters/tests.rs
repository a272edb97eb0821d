//! Windows of time, and limits that hold over all workers.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Uuid;

use super::{Counters, Identifier, Key, Period};

#[test]
fn aligns_periods_to_utc() {
    // 2024-02-29 13:14:15, 2026-01-01 00:00:00, 2025-12-31 23:59:59, 2100-03-01 00:00:01 (no leap year), 2000-03-01.
    for (now, day, month, year) in [
        (1_709_212_455, 1_709_164_800, 1_706_745_600, 1_704_067_200),
        (1_767_225_600, 1_767_225_600, 1_767_225_600, 1_767_225_600),
        (1_767_225_599, 1_767_139_200, 1_764_547_200, 1_735_689_600),
        (4_107_542_401, 4_107_542_400, 4_107_542_400, 4_102_444_800),
        (951_868_800, 951_868_800, 951_868_800, 946_684_800),
        (951_782_400, 951_782_400, 949_363_200, 946_684_800),
    ] {
        let starts = [Period::Day, Period::Month, Period::Year].map(|period| period.start(now));
        assert_eq!(starts, [day, month, year], "{now}");
    }
    assert_eq!(Period::Minute.start(125), 120);
    assert_eq!(Period::Hour.start(7_300), 7_200);
    assert_eq!(Period::Second.start(7), 7);
}

#[test]
fn admits_exactly_up_to_the_limit_over_all_workers() {
    let (counters, admitted) = (Arc::new(Counters::default()), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let key = Key { route: Uuid::nil(), service: Uuid::nil(), identifier: Identifier::Bytes(b"ann") };
                    if counters.with(key, 60, |windows| windows.admit(Period::Minute, 60, 1_000)).is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 1_000);
}

#[test]
fn starts_a_window_anew_and_takes_back() {
    let counters = Arc::new(Counters::default());
    let key = Key { route: Uuid::nil(), service: Uuid::nil(), identifier: Identifier::Bytes(b"ann") };
    counters.with(key, 60, |windows| {
        assert_eq!(windows.admit(Period::Minute, 60, 2), Ok(0));
        assert_eq!(windows.admit(Period::Minute, 60, 2), Ok(1));
        assert_eq!(windows.admit(Period::Minute, 60, 2), Err(2));
        windows.take_back(Period::Minute, 60);
        assert_eq!(windows.count(Period::Minute, 60), 1);
        assert_eq!(windows.admit(Period::Minute, 120, 2), Ok(0), "the next minute");
        windows.take_back(Period::Minute, 60);
        assert_eq!(windows.count(Period::Minute, 120), 1, "the minute before is over");
        assert_eq!(windows.admit(Period::Minute, 60, 2), Ok(1), "a clock that went back");
        assert_eq!(windows.admit(Period::Minute, 6000, 2), Ok(0), "a clock that was far ahead");
        assert_eq!(windows.admit(Period::Minute, 60, 2), Ok(0), "and was put right");
        assert_eq!(windows.count(Period::Hour, 0), 0, "other windows are others");
    });
    let other = Key { identifier: Identifier::Bytes(b"bob"), ..key };
    counters.with(other, 60, |windows| assert_eq!(windows.count(Period::Minute, 120), 0));
}

#[test]
fn forgets_keys_whose_windows_are_over() {
    let counters = Arc::new(Counters::default());
    std::thread::scope(|scope| {
        let met = scope.spawn(|| {
            for n in 0..200_000_u32 {
                let key =
                    Key { route: Uuid::nil(), service: Uuid::nil(), identifier: Identifier::Bytes(&n.to_le_bytes()) };
                // Each in a second of its own, long apart.
                let now = n * 100;
                counters.with(key, now, |windows| windows.admit(Period::Second, now, 1)).unwrap();
            }
        });
        met.join().unwrap();
    });
    let held: usize = counters.shards.iter().map(|shard| shard.lock().unwrap().windows.len()).sum();
    assert!(held < 150_000, "{held} keys are held");
}
