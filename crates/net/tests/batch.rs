//! Answers that go out together: all of each, in order, whatever their clients take and whoever closes.

#![allow(clippy::unwrap_used)]

mod rig;

use std::time::Duration;

use gibbon_net::Exchange;
use gibbon_net::Settings;

use rig::Rig;
use rig::Script;

/// Large enough that sockets fill soon, small enough to be collected.
const LENGTH: usize = 12_000;

/// Answers with a body that says which request of its connection it is for.
async fn numbered(exchange: &mut Exchange, _: rig::Target) {
    let body = body(exchange.request_number() as usize);
    rig::answer(exchange, 200, body.as_bytes()).await;
}

fn body(number: usize) -> String {
    format!("{number:0LENGTH$}")
}

fn expected(number: usize, connection: &str) -> String {
    let body = body(number);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\nConnection: {connection}\r\n\r\n{body}")
}

/// Asks for so many answers without reading one.
fn ask(client: &mut rig::Client, count: usize) -> bool {
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count - 1)
        + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.send_within(&request, Duration::from_secs(1))
}

fn check_all(settings: Settings) {
    let rig = Rig::start_with(Script::silent(), numbered, settings);
    // More than any socket holds.
    let mut slow = rig.client();
    let count = 2000;
    assert!(ask(&mut slow, count), "requests are small");
    std::thread::sleep(Duration::from_millis(300));
    // Others are served meanwhile, many in one turn.
    let mut others: Vec<_> = (0..100).map(|_| rig.client()).collect();
    for other in &mut others {
        assert!(ask(other, 3));
    }
    for other in &mut others {
        let all = other.rest();
        assert_eq!(all, expected(1, "keep-alive") + &expected(2, "keep-alive") + &expected(3, "close"));
    }
    for number in 1..=count {
        let want = expected(number, if number == count { "close" } else { "keep-alive" });
        let got = slow.bytes(want.len());
        assert!(got == want.as_bytes(), "answer {number} differs: {} bytes", got.len());
    }
    assert_eq!(slow.rest(), "");
}

#[test]
fn a_client_that_is_slow_gets_all_of_each_answer_in_order() {
    check_all(Settings::default());
}

#[test]
fn a_client_that_will_ask_no_more_gets_all() {
    let rig = Rig::start(Script::silent(), numbered);
    let mut client = rig.client();
    let count = 1000;
    client.send(&"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count));
    client.end();
    std::thread::sleep(Duration::from_millis(300));
    for number in 1..=count {
        let want = expected(number, "keep-alive");
        assert!(client.bytes(want.len()) == want.as_bytes(), "answer {number} differs");
    }
    assert_eq!(client.rest(), "");
}

#[test]
fn a_client_that_takes_nothing_is_left() {
    let settings = Settings { send_timeout: Duration::from_millis(300), ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), numbered, settings);
    let mut client = rig.client();
    let count = 2000;
    assert!(ask(&mut client, count));
    std::thread::sleep(Duration::from_millis(1500));
    let got = client.bytes(count * (LENGTH + 100)).len();
    assert!(got > LENGTH && got < count * LENGTH, "{got} bytes of {}", count * LENGTH);
}

#[test]
fn without_batches_it_is_the_same() {
    check_all(Settings { batches: false, ..Settings::default() });
}
