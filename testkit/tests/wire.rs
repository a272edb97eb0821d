//! The client against scripted upstreams: both sides of the test kit prove each other over real sockets.

use std::time::Duration;

use gibbon_testkit::Connection;
use gibbon_testkit::Port;
use gibbon_testkit::Upstream;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::upstream::Reaction;

#[test]
fn the_client_reads_every_framing() -> anyhow::Result<()> {
    for (answer, status, body, interim) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", &[][..]),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\nT: x\r\n\r\n",
            200,
            "hi",
            &[],
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhi", 200, "hi", &[]),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", &[]),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            201,
            "",
            &[100, 103],
        ),
    ] {
        let upstream = Upstream::start(move |_| Reaction::WriteAndClose(answer.as_bytes().to_vec()))?;
        let got = client::send(upstream.port(), &Request::new("GET", "/"))?;
        assert_eq!((got.status, got.text().as_str(), got.interim.as_slice()), (status, body, interim), "{answer:?}");
    }
    Ok(())
}

#[test]
fn the_client_refuses_broken_answers() -> anyhow::Result<()> {
    for answer in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ] {
        let upstream = Upstream::start(move |_| Reaction::WriteAndClose(answer.as_bytes().to_vec()))?;
        assert!(client::send(upstream.port(), &Request::new("GET", "/")).is_err(), "{answer:?}");
    }
    Ok(())
}

#[test]
fn an_upstream_sees_what_was_sent_and_keeps_the_connection() -> anyhow::Result<()> {
    let upstream = Upstream::start(|received| match received.target.as_str() {
        "/close" => Reaction::Close,
        "/later" => Reaction::After(Duration::from_millis(10), Box::new(Reaction::ok("later"))),
        _ => Reaction::ok(&format!("{} {:?}", received.method, received.headers.last())),
    })?;
    let mut connection = Connection::open(upstream.port())?;
    let answer = connection.exchange(&Request::new("GET", "/").header("X-Odd", "a  b"))?;
    assert_eq!(answer.text(), r#"GET Some(("X-Odd", "a  b"))"#);
    assert_eq!(connection.exchange(&Request::new("GET", "/later"))?.text(), "later");
    assert!(connection.exchange(&Request::new("GET", "/close")).is_err());
    Ok(())
}

#[test]
fn claimed_ports_differ() -> anyhow::Result<()> {
    let ports = (0..20).map(|_| Port::claim()).collect::<anyhow::Result<Vec<_>>>()?;
    let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 20);
    Ok(())
}
