//! What a client may send of HTTP/2, at the bound and beyond it: frames written by hand, for libraries send no nonsense.

#![allow(clippy::unwrap_used)]

mod rig;

use std::time::Duration;
use std::time::Instant;

use gibbon_http::h1::Limits;
use gibbon_net::Exchange;
use gibbon_net::Settings;
use gibbon_testkit::h2::frame;

use rig::Client;
use rig::Rig;
use rig::Script;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CALM: u8 = 11;
const REFUSED: u8 = 7;

/// `GET / http`, authority `a`, in HPACK.
const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 1, b'a'];

async fn short(exchange: &mut Exchange, _target: rig::Target) {
    match exchange.refused {
        Some(refused) => rig::answer(exchange, refused.status(), b"no").await,
        None => rig::answer(exchange, 200, b"ok").await,
    }
}

/// Never answers; ends when the client resets the stream or is gone.
async fn never(exchange: &mut Exchange, target: rig::Target) {
    let _ = rig::forward(exchange, &target).await;
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)
}

/// Connects, and sends preface and settings.
fn connect(rig: &Rig) -> Client {
    let mut client = rig.client();
    client.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send_bytes(&frame(SETTINGS, 0, 0, &[]));
    client
}

/// What the server said last.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    answers: usize,
    /// The last stream's reset, if it was one.
    reset: Option<u8>,
    goaway: Option<u8>,
    closed: bool,
}

/// Reads frames until `enough`, or the connection ends.
fn hear(client: &mut Client, enough: impl Fn(&Heard) -> bool) -> Heard {
    let mut heard = Heard::default();
    while !enough(&heard) {
        let header = client.bytes(9);
        let [a, b, c, kind, ..] = header[..] else {
            heard.closed = true;
            return heard;
        };
        let payload = client.bytes(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
        match kind {
            HEADERS => heard.answers += 1,
            RST_STREAM => heard.reset = payload.get(3).copied(),
            GOAWAY => heard.goaway = payload.get(7).copied(),
            _ => {}
        }
    }
    heard
}

/// Waits for the answer to a ping, so that all that was sent before was read.
fn sync(client: &mut Client) -> bool {
    client.send_bytes(&frame(PING, 0, 0, b"sync-now"));
    loop {
        let header = client.bytes(9);
        let [a, b, c, kind, flags, ..] = header[..] else { return false };
        let payload = client.bytes(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
        match (kind, flags) {
            (PING, 1) if payload == b"sync-now" => return true,
            (GOAWAY, _) => return false,
            _ => {}
        }
    }
}

#[test]
fn resets_have_a_number() {
    let settings = Settings { h2_resets: 20, ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), never, settings);
    let mut client = connect(&rig);
    let rush = |client: &mut Client, from: u32, count: u32| {
        for stream in (from..).step_by(2).take(count as usize) {
            client.send_bytes(&get(stream));
            client.send_bytes(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        }
    };
    rush(&mut client, 1, 20);
    assert!(sync(&mut client), "twenty may be");
    rush(&mut client, 41, 1);
    let heard = hear(&mut client, |heard| heard.closed);
    assert_eq!(heard.goaway, Some(CALM), "{heard:?}");
}

#[test]
fn frames_without_content_have_a_number() {
    for flood in [frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0, &[]), frame(2, 0, 1, &[0, 0, 0, 0, 1])] {
        let settings = Settings { h2_control_frames: 100, ..Settings::default() };
        let rig = Rig::start_with(Script::silent(), short, settings);
        let mut client = connect(&rig);
        for _ in 0..90 {
            client.send_bytes(&flood);
        }
        assert!(sync(&mut client), "ninety may be: {flood:?}");
        for _ in 0..20 {
            client.send_bytes(&flood);
        }
        let heard = hear(&mut client, |heard| heard.closed);
        assert_eq!(heard.goaway, Some(CALM), "{flood:?}: {heard:?}");
    }
}

#[test]
fn empty_data_has_a_number() {
    let settings = Settings { h2_control_frames: 100, ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), never, settings);
    let mut client = connect(&rig);
    client.send_bytes(&frame(HEADERS, END_HEADERS, 1, GET));
    for _ in 0..90 {
        client.send_bytes(&frame(0, 0, 1, &[]));
    }
    assert!(sync(&mut client), "ninety may be");
    for _ in 0..20 {
        client.send_bytes(&frame(0, 0, 1, &[]));
    }
    assert_eq!(hear(&mut client, |heard| heard.closed).goaway, Some(CALM));
}

#[test]
fn continuation_has_an_end() {
    let rig = Rig::start(Script::silent(), short);
    let mut client = connect(&rig);
    client.send_bytes(&frame(HEADERS, END_STREAM, 1, GET));
    client.send_bytes(&frame(CONTINUATION, END_HEADERS, 1, &[]));
    assert_eq!(hear(&mut client, |heard| heard.answers == 1).answers, 1, "one may be");
    client.send_bytes(&frame(HEADERS, END_STREAM, 3, GET));
    for _ in 0..100_000 {
        if !client.send_bytes(&frame(CONTINUATION, 0, 3, &[])) {
            break;
        }
    }
    assert!(hear(&mut client, |heard| heard.goaway.is_some()).goaway.is_some() || client.rest_or_reset() == 0);
}

#[test]
fn headers_have_a_number_and_a_size() {
    let settings = Settings { limits: Limits { fields: 5, ..Limits::default() }, ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), short, settings);
    let mut client = connect(&rig);
    // A literal header without indexing: `a: 1`.
    let with = |count: usize| [GET, &[0, 1, b'a', 1, b'1'].repeat(count)].concat();
    client.send_bytes(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &with(5)));
    client.send_bytes(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &with(6)));
    // 200 is in HPACK's table, 494 is a literal of three digits.
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let header = client.bytes(9);
        let payload = client.bytes(usize::from(header[1]) << 8 | usize::from(header[2]));
        if header[3] == HEADERS {
            seen.push((header[8], payload[0] == 0x88));
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [(1, true), (3, false)]);
}

#[test]
fn streams_have_a_number() {
    let settings = Settings { h2_streams: 3, ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), never, settings);
    let mut client = connect(&rig);
    for stream in [1, 3, 5] {
        client.send_bytes(&get(stream));
    }
    assert!(sync(&mut client));
    client.send_bytes(&get(7));
    assert_eq!(hear(&mut client, |heard| heard.reset.is_some()).reset, Some(REFUSED));
}

#[test]
fn a_connection_carries_a_number_of_requests() {
    let settings = Settings { keepalive_requests: 3, ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), short, settings);
    let mut client = connect(&rig);
    for stream in [1, 3, 5] {
        client.send_bytes(&get(stream));
    }
    let heard = hear(&mut client, |heard| heard.goaway.is_some() && heard.answers == 3);
    assert_eq!(heard, Heard { answers: 3, reset: None, goaway: Some(0), closed: false });
}

#[test]
fn a_window_that_stays_shut_ends_the_stream() {
    let settings = Settings { send_timeout: Duration::from_millis(300), ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), short, settings);
    let mut client = rig.client();
    client.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // An initial window of 1 byte: the answer has two.
    client.send_bytes(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]));
    client.send_bytes(&get(1));
    let begun = Instant::now();
    let heard = hear(&mut client, |heard| heard.reset.is_some());
    assert!(heard.reset.is_some(), "{heard:?}");
    assert!(begun.elapsed() >= Duration::from_millis(250));
    // One byte in time is enough to go on.
    client.send_bytes(&get(3));
    client.send_bytes(&frame(8, 0, 3, &[0, 0, 0, 9]));
    assert!(sync(&mut client), "the connection goes on");
}

#[test]
fn a_client_that_takes_no_goodbye_is_left() {
    let settings = Settings {
        keepalive_timeout: Duration::from_millis(200),
        lingering_timeout: Duration::from_millis(200),
        ..Settings::default()
    };
    let rig = Rig::start_with(Script::silent(), short, settings);
    let mut client = connect(&rig);
    client.send_bytes(&get(1));
    // It never acknowledges anything, so a graceful end would wait for ever.
    assert!(hear(&mut client, |heard| heard.closed).closed);
    rig.drain();
}
