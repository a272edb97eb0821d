//! A node that takes more memory than it may, and less again. Alone in its process, whose memory is what is measured.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use gibbon_sdk::env::Pressure;
use gibbon_testkit::client::Request;
use gibbon_testkit::client::send;

use gibbon_proxy::testing::Node;
use gibbon_proxy::testing::With;

const MB: usize = 1 << 20;

#[test]
fn memory_sheds_then_refuses_and_ends() {
    let threshold = gibbon_net::memory::resident().unwrap() as usize + 200 * MB;
    let properties = [("overload_memory", threshold.to_string())];
    let properties = properties.each_ref().map(|(name, value)| (*name, value.as_str()));
    let node = Node::start("_format_version: '3.0'", With { properties: &properties, ..With::default() }).unwrap();
    let status = || send(node.port(), &Request::new("GET", "/")).map(|answer| answer.status).ok();
    let until = |want: Option<u16>| {
        let begun = Instant::now();
        while status() != want {
            assert!(begun.elapsed() < Duration::from_secs(30), "no {want:?}, but {:?}", status());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // No route matches.
    until(Some(404));
    // Workers may answer before the first look.
    let begun = Instant::now();
    while node.stats().memory_threshold.load(Ordering::Relaxed) != threshold as u64 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the threshold is not told");
        std::thread::sleep(Duration::from_millis(20));
    }
    let taken = vec![1u8; 205 * MB];
    until(Some(503));
    assert!(node.stats().pressures[Pressure::Memory as usize].load(Ordering::Relaxed));
    let more = vec![1u8; 60 * MB];
    until(None);
    // What is refused is told four times a second.
    let begun = Instant::now();
    while node.stats().refused.load(Ordering::Relaxed) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing is told of it");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((taken[MB], more[MB]), (1, 1));
    drop(more);
    until(Some(503));
    drop(taken);
    until(Some(404));
    assert!(!node.stats().pressures[Pressure::Memory as usize].load(Ordering::Relaxed));
}
