//! What a client or an upstream may grow or delay, at the bound and beyond it.

#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use gibbon_http::h1::Limits;
use gibbon_net::Exchange;
use gibbon_net::Settings;
use gibbon_net::tls;

use rig::Rig;
use rig::Script;
use rig::forward;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Reads the body ahead and relays the answer.
async fn buffered(exchange: &mut Exchange, rig: rig::Target) {
    if let Err(error) = exchange.buffer_body(1 << 20).await {
        return rig::answer(exchange, 408, error.to_string().as_bytes()).await;
    }
    plain(exchange, rig).await;
}

async fn plain(exchange: &mut Exchange, rig: rig::Target) {
    match forward(exchange, &rig).await {
        Ok(()) => {
            let _ = exchange.relay().await;
        }
        Err(error) => rig::refuse(exchange, &error).await,
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Sends `text` byte by byte until the other side closes or all is out; tells how long it was taken.
fn dribble(client: &mut rig::Client, text: &str, pause: Duration) -> Duration {
    let begun = Instant::now();
    for byte in text.chars() {
        if client.is_closed_within(pause) {
            break;
        }
        client.try_send(&byte.to_string());
    }
    begun.elapsed()
}

#[test]
fn headers_up_to_their_number_pass() {
    let settings = Settings { limits: Limits { fields: 5, ..Limits::default() }, ..Settings::default() };
    let rig = Rig::start_with(Script::answer(OK), plain, settings);
    for (count, want) in [(4, "HTTP/1.1 200"), (5, "HTTP/1.1 494")] {
        let mut client = rig.client();
        client.send(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}Connection: close\r\n\r\n", "A: 1\r\n".repeat(count - 1)));
        let answer = client.rest();
        assert!(answer.starts_with(want), "{count}: {answer}");
    }
}

#[test]
fn lines_and_heads_up_to_their_size_pass() {
    let rig = Rig::start(Script::answer(OK), plain);
    let line = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "a".repeat(length - 16));
    let header = |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n", "a".repeat(length - 5));
    let lines = |count: usize| header(8192) + &format!("B: {}\r\n", "b".repeat(7995)).repeat(count - 1);
    for (head, want) in [
        (line(8192), "HTTP/1.1 200"),
        (line(8193), "HTTP/1.1 414"),
        (header(8192), "HTTP/1.1 200"),
        (header(8193), "HTTP/1.1 494"),
        (lines(4), "HTTP/1.1 200"),
        (lines(5), "HTTP/1.1 494"),
    ] {
        let mut client = rig.client();
        client.try_send(&format!("{head}Connection: close\r\n\r\n"));
        let answer = client.rest();
        assert!(answer.starts_with(want), "{} bytes: {answer}", head.len());
    }
}

#[test]
fn bodies_have_a_size_and_may_not_fall_silent() {
    let settings = Settings { max_body: 10, body_timeout: ms(500), ..Settings::default() };
    let rig = Rig::start_with(Script::answer(OK), buffered, settings);
    let (chunk, last) = ("5\r\nabcde\r\n", "0\r\n\r\n");
    for (framing, body, want) in [
        ("Content-Length: 10", "abcdefghij".to_owned(), "HTTP/1.1 200"),
        ("Content-Length: 11", "abcdefghijk".to_owned(), "request body too large"),
        ("Transfer-Encoding: chunked", format!("{chunk}{chunk}{last}"), "HTTP/1.1 200"),
        ("Transfer-Encoding: chunked", format!("{chunk}{chunk}{chunk}{last}"), "request body too large"),
        ("Content-Length: 10", "abcde".to_owned(), "request body timed out"),
    ] {
        let mut client = rig.client();
        client.send(&format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n{body}"));
        let answer = client.rest();
        assert!(answer.contains(want), "{framing} {body}: {answer}");
    }
}

#[test]
fn a_connection_has_a_number_of_requests_and_a_time_to_be_idle() {
    let settings = Settings { keepalive_requests: 3, keepalive_timeout: ms(700), ..Settings::default() };
    let rig = Rig::start_with(Script::answer(OK), plain, settings);
    let mut client = rig.client();
    for want in ["keep-alive", "keep-alive", "close"] {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.until("ok");
        assert!(answer.contains(&format!("Connection: {want}\r\n")), "{answer}");
    }
    assert_eq!(client.rest(), "");
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.until("ok");
    assert!(!client.is_closed_within(ms(200)), "idle, but not for long");
    assert!(client.is_closed_within(ms(5000)));
}

#[test]
fn a_body_that_nobody_wants_has_its_time() {
    async fn deny(exchange: &mut Exchange, _rig: rig::Target) {
        rig::answer(exchange, 403, b"no").await;
    }
    let settings = Settings { lingering_time: ms(500), lingering_timeout: ms(500), ..Settings::default() };
    let rig = Rig::start_with(Script::silent(), deny, settings);
    for connection in ["keep-alive", "close"] {
        let mut client = rig.client();
        client.send(&format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\nContent-Length: 9999\r\n\r\n"));
        client.until("no");
        let begun = Instant::now();
        // It goes on to send, a little at a time.
        while begun.elapsed() < ms(10_000) && client.send_bytes(b"a") {
            std::thread::sleep(ms(20));
        }
        assert!(begun.elapsed() >= ms(400) && begun.elapsed() < ms(5000), "{connection}: {:?}", begun.elapsed());
    }
}

#[test]
fn an_upstream_that_takes_nothing_is_left() {
    // The rig's write timeout is 1 s.
    let rig = Rig::start(Script::deaf(), plain);
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 33554432\r\n\r\n");
    let sender = client.sender(32 << 20);
    let answer = client.until("write timed out");
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    drop(client);
    sender.join().unwrap();
}

#[test]
fn an_upstream_that_falls_silent_is_left() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), plain);
    let mut client = rig.client();
    client.send(get);
    assert!(client.rest().ends_with("abc"), "cut after what came");
    let rig =
        Rig::start(Script::answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").then_echo(), plain);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.until("\r\n\r\n");
    client.send("x");
    client.until("x");
    assert!(client.is_closed_within(ms(5000)), "a tunnel in which nothing moves");
}

#[test]
fn a_head_that_trickles_in_has_its_time_once() {
    let settings = Settings { header_timeout: ms(2000), ..Settings::default() };
    let rig = Rig::start_with(Script::answer(OK), plain, settings);
    let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut client = rig.client();
    dribble(&mut client, head, ms(1));
    assert!(client.rest().starts_with("HTTP/1.1 200"), "slow, but in time");
    let mut client = rig.client();
    let taken = dribble(&mut client, &format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(1000)), ms(50));
    assert!(taken >= ms(1900) && taken < ms(20_000), "{taken:?}");
    assert_eq!(client.rest(), "", "closed without a word, as nginx does");
}

#[test]
fn a_body_that_trickles_in_has_a_least_rate() {
    let settings = Settings { body_timeout: ms(400), client_rate: 1000, ..Settings::default() };
    let rig = Rig::start_with(Script::answer(OK), buffered, settings);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n";
    let mut client = rig.client();
    client.send(post);
    for _ in 0..10 {
        std::thread::sleep(ms(20));
        client.send(&"a".repeat(100));
    }
    assert!(client.rest().starts_with("HTTP/1.1 200"), "slow, but fast enough");
    let mut client = rig.client();
    client.send(post);
    let taken = dribble(&mut client, &"a".repeat(999), ms(20));
    assert!(taken >= ms(350) && taken < ms(5000), "{taken:?}");
    assert!(client.rest().starts_with("HTTP/1.1 408"));
}

#[test]
fn a_client_that_takes_little_has_a_least_rate() {
    let size = 8 << 20;
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{}", "x".repeat(size));
    let settings = Settings { send_timeout: ms(400), client_rate: 1 << 20, ..Settings::default() };
    let rig = Rig::start_with(Script::answer(&answer), plain, settings);
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut client = rig.client();
    client.send(get);
    assert_eq!(client.rest().len(), answer.len() + "Connection: close\r\n".len(), "all of it, if it is read");
    let mut client = rig.client();
    client.send(get);
    // A little is taken again and again, so that no single wait is too long.
    let mut taken = 0;
    for _ in 0..60 {
        std::thread::sleep(ms(50));
        taken += client.take(16 << 10);
    }
    assert!(taken + client.rest_or_reset() < size, "the answer was cut");
}

#[test]
fn an_upstreams_head_that_trickles_in_has_its_time_once() {
    // The rig's read timeout is 300 ms.
    let rig = Rig::start(Script::answer(OK).dribbled(ms(1)), plain);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.rest().starts_with("HTTP/1.1 200"));
    let rig =
        Rig::start(Script::answer(&format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(1000))).dribbled(ms(20)), plain);
    let mut client = rig.client();
    let begun = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.rest().starts_with("HTTP/1.1 504"));
    assert!(begun.elapsed() < ms(5000));
}

#[test]
fn an_upstreams_head_has_a_size() {
    let settings = || Settings { answer_head: 2000, ..Settings::default() };
    for (padding, want) in [(1900, "HTTP/1.1 200"), (2000, "HTTP/1.1 502")] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: {}\r\n\r\nok", "a".repeat(padding));
        let rig = Rig::start_with(Script::answer(&answer), plain, settings());
        let mut client = rig.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.rest().starts_with(want), "{padding}");
    }
}

#[test]
fn interim_answers_have_an_end() {
    for (count, want) in [(32, "HTTP/1.1 200"), (33, "HTTP/1.1 502")] {
        let answer = format!("{}{OK}", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count));
        let rig = Rig::start(Script::answer(&answer), plain);
        let mut client = rig.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.rest().starts_with(want), "{count}");
    }
}

#[test]
fn connections_have_a_number_and_idle_ones_make_room() {
    let settings = Settings { connections: 2, ..Settings::default() };
    let rig = Rig::start_with(Script::answer(OK), plain, settings);
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut first, mut second) = (rig.client(), rig.client());
    for client in [&mut first, &mut second] {
        client.send(get);
        client.until("ok");
    }
    assert_eq!(rig.client().rest_or_reset(), 0, "a third is closed at once");
    // It made one of the idle ones close, so that the next is served.
    let begun = Instant::now();
    while begun.elapsed() < ms(10_000) {
        let mut next = rig.client();
        next.try_send(get);
        if next.take(1000) > 0 {
            break;
        }
    }
    assert!(begun.elapsed() < ms(10_000), "no room was made");
    assert_eq!(usize::from(first.is_closed_within(ms(10))) + usize::from(second.is_closed_within(ms(10))), 1);
}

#[test]
fn pipelined_requests_wait_in_the_socket() {
    // Nobody reads the answers: what is sent must come to a halt, not be taken in.
    let settings = Settings { send_timeout: ms(500), ..Settings::default() };
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{}", "x".repeat(10_000));
    let rig = Rig::start_with(Script::answer(&answer), plain, settings);
    let mut client = rig.client();
    let all = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let mut sent = 0;
    while sent < 64 << 20 && client.send_within(&all, ms(2000)) {
        sent += all.len();
    }
    assert!(sent < 64 << 20, "the client was held back");
}

#[test]
fn chunk_extensions_have_a_size_in_all() {
    let rig = Rig::start(Script::answer(OK), buffered);
    for (count, want) in [(16, "HTTP/1.1 200"), (17, "HTTP/1.1 408")] {
        let chunks = format!("1;{}\r\nx\r\n", "e".repeat(4096)).repeat(count);
        let mut client = rig.client();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.try_send(&format!("{head}{chunks}0\r\n\r\n"));
        let answer = client.rest();
        assert!(answer.starts_with(want), "{count}: {answer}");
    }
}

#[test]
fn a_tls_handshake_has_a_time_and_a_size() {
    let pair = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let key = tls::certified_key(pair.cert.pem().as_bytes(), pair.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = tls::server(&tls::ServerTls {
        protocols: &["TLSv1.2".to_owned(), "TLSv1.3".to_owned()],
        ciphers: None,
        order: tls::CipherOrder::Server,
        resolver: Arc::new(Always(Arc::new(key))),
        http2: true,
    });
    let settings = Settings { header_timeout: ms(2000), ..Settings::default() };
    let rig = Rig::start_all(Script::silent(), plain, Some(config.unwrap()), settings);
    // A record of a hello that never ends, byte by byte.
    let mut client = rig.client();
    let taken = dribble(&mut client, &format!("\x16\x03\x01\x10\x00\x01\x00\x0f\x00{}", "a".repeat(500)), ms(50));
    assert!(taken >= ms(1900) && taken < ms(20_000), "{taken:?}");
    // A hello that says it has 16 MB.
    let mut client = rig.client();
    let begun = Instant::now();
    let record = [&b"\x16\x03\x01\x40\x00"[..], &b"\x01\xff\xff\xff"[..], &[b'a'; 0x4000 - 4]].concat();
    client.send_bytes(&record);
    client.rest_or_reset();
    assert!(begun.elapsed() < ms(1500), "refused at once, not in time");
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
