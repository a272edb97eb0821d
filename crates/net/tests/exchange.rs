//! A worker between a client and an upstream, both of raw sockets: what goes over the wire in either direction.

#![allow(clippy::unwrap_used)]

mod rig;

use gibbon_http::Part;
use gibbon_net::Buffered;
use gibbon_net::Exchange;

use rig::Rig;
use rig::Script;
use rig::forward;

/// Relays everything as it comes.
async fn plain(exchange: &mut Exchange, rig: rig::Target) {
    match forward(exchange, &rig).await {
        Ok(()) => {
            let _ = exchange.relay().await;
        }
        Err(error) => rig::refuse(exchange, &error).await,
    }
}

#[test]
fn relays_a_request_and_keeps_both_connections() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nok"), plain);
    let mut client = rig.client();
    for _ in 0..3 {
        client.send("GET /a?b HTTP/1.1\r\nHost: x\r\nX-B: 2\r\nConnection: X-C, keep-alive\r\nX-C: 3\r\n\r\n");
        let answer = client.until("ok");
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
    }
    let seen = rig.seen();
    assert_eq!(seen.connections, 1, "the upstream's connection is kept");
    assert!(
        seen.bytes.starts_with("GET /a?b HTTP/1.1\r\nHost: x\r\nX-B: 2\r\nX-C: 3\r\nConnection: keep-alive\r\n\r\n")
    );
}

#[test]
fn answers_pipelined_requests_in_order() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), plain);
    let mut client = rig.client();
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    client.send(&format!("{get}{post}{get}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let all = client.rest();
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 4);
    assert_eq!(all.matches("Connection: close").count(), 1);
    assert!(all.ends_with("ok"));
}

#[test]
fn frames_bodies_anew() {
    for (answer, version, want) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
            "1.1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "1.0",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
        ),
        (
            "HTTP/1.0 200 OK\r\n\r\nabc",
            "1.1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "1.1", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
            "1.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "1.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ),
    ] {
        let rig = Rig::start(Script::answer(answer).then_close(), plain);
        let mut client = rig.client();
        client.send(&format!("GET / HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let got = client.rest();
        // Chunk boundaries follow what was read at once.
        let got = got.replace("1\r\na\r\n2\r\nbc\r\n", "3\r\nabc\r\n");
        assert_eq!(got, want, "{answer:?}");
    }
}

#[test]
fn head_has_a_length_and_no_body() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), plain);
    let mut client = rig.client();
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let all = client.rest();
    assert_eq!(all.matches("Content-Length: 10\r\n").count(), 2);
    assert!(all.ends_with("\r\n\r\n"));
    assert_eq!(rig.seen().connections, 1);
}

#[test]
fn sends_bodies_on() {
    let big = "x".repeat(300_000);
    for (request, want) in [
        (
            "Content-Length: 3\r\n\r\nabc".to_owned(),
            "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc".to_owned(),
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
            "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        ),
        (
            format!("Content-Length: 300000\r\n\r\n{big}"),
            format!("Content-Length: 300000\r\nConnection: keep-alive\r\n\r\n{big}"),
        ),
    ] {
        let rig = Rig::start(
            Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .after(want.len() + "POST / HTTP/1.1\r\nHost: x\r\n".len()),
            plain,
        );
        let mut client = rig.client();
        client.send(&format!("POST / HTTP/1.1\r\nHost: x\r\n{request}"));
        client.until("ok");
        let seen = rig.seen().bytes;
        assert!(seen.ends_with(&want), "{} bytes", seen.len());
    }
}

#[test]
fn a_buffered_body_has_a_length() {
    async fn buffered(exchange: &mut Exchange, rig: rig::Target) {
        assert_eq!(exchange.buffer_body(1000).await.unwrap(), Buffered::Whole);
        assert_eq!(exchange.body(), b"abcdefg");
        plain(exchange, rig).await;
    }
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), buffered);
    for body in
        ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;e=1\r\ndefg\r\n0\r\n\r\n", "Content-Length: 7\r\n\r\nabcdefg"]
    {
        let mut client = rig.client();
        client.send(&format!("POST / HTTP/1.1\r\nHost: x\r\n{body}"));
        client.until("ok");
        assert!(rig.seen().bytes.ends_with("Content-Length: 7\r\nConnection: keep-alive\r\n\r\nabcdefg"));
    }
}

#[test]
fn filters_see_parts() {
    async fn shout(exchange: &mut Exchange, rig: rig::Target) {
        forward(exchange, &rig).await.unwrap();
        exchange.start(None);
        loop {
            let mut part = exchange.read_response().await.unwrap();
            if let Part::Data(data) = &mut part {
                data.make_ascii_uppercase();
            }
            let is_end = part.is_end();
            exchange.write(part).await.unwrap();
            if is_end {
                return;
            }
        }
    }
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), shout);
    let mut client = rig.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = client.until("0\r\n\r\n");
        assert!(
            answer.ends_with("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n"),
            "{answer}"
        );
    }
    assert_eq!(rig.seen().connections, 1);
}

#[test]
fn continues_when_asked_to() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").after(100), plain);
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n");
    assert_eq!(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(&"x".repeat(50));
    client.until("ok");
    assert!(!rig.seen().bytes.contains("Expect"));
}

#[test]
fn refuses_and_closes() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), plain);
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX : 1\r\n\r\n",
    ] {
        let mut client = rig.client();
        client.send(request);
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.contains("Connection: close\r\n"));
        assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    }
    assert_eq!(rig.seen().connections, 0);
}

#[test]
fn reads_what_an_early_answer_left() {
    async fn deny(exchange: &mut Exchange, _rig: rig::Target) {
        rig::answer(exchange, 403, b"no").await;
    }
    let rig = Rig::start(Script::answer(""), deny);
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nGET /");
    client.until("no");
    client.send(" HTGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = client.rest();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
}

#[test]
fn replaces_a_stale_connection() {
    let script = Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").then_close();
    let rig = Rig::start(script, plain);
    let mut client = rig.client();
    for _ in 0..5 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.until("ok");
    }
    assert_eq!(rig.seen().connections, 5);
}

#[test]
fn says_why_an_upstream_failed() {
    for (answer, want) in [
        ("", "closed before an answer"),
        ("garbage", "invalid answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "invalid answer: more than one"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "invalid answer: protocol switch"),
    ] {
        let rig = Rig::start(Script::answer(answer).then_close(), plain);
        let mut client = rig.client();
        client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let got = client.rest();
        assert!(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n") && got.contains(want), "{got}");
    }
    let rig = Rig::start(Script::silent(), plain);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let got = client.rest();
    assert!(got.starts_with("HTTP/1.1 504") && got.contains("read timed out"), "{got}");
}

#[test]
fn cuts_what_the_upstream_cuts() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").then_close(), plain);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.rest().ends_with("only this"));
}

#[test]
fn tunnels_after_a_switch() {
    let script =
        Script::answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
            .then_echo();
    let rig = Rig::start(script, plain);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
    let answer = client.until("first");
    assert!(answer.contains("Upgrade: websocket\r\n") && answer.contains("Connection: upgrade\r\n"), "{answer}");
    client.send("second");
    client.until("second");
    assert!(rig.seen().bytes.contains("Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"));
}

#[test]
fn drains_and_ends() {
    let rig = Rig::start(Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), plain);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client.until("ok");
    rig.drain();
    assert_eq!(client.rest(), "");
}
