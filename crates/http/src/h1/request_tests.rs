//! What request heads are taken and refused; the rule each breaks.

use super::*;
use crate::BadTarget;

fn parse_whole(text: &[u8]) -> (Result<Option<usize>, BadRequest>, RequestHead) {
    let mut head = RequestHead::default();
    let result = parse_request(text, &Limits::default(), &mut Progress::default(), &mut head);
    (result, head)
}

#[test]
fn takes_what_is_in_order() {
    type Want = (Framing, bool, bool, bool);
    let cases: &[(&str, Want)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", (Framing::None, true, false, false)),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", (Framing::None, true, false, false)),
        ("GET / HTTP/1.0\r\n\r\n", (Framing::None, false, false, false)),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", (Framing::None, true, false, false)),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", (Framing::None, false, false, false)),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n", (Framing::Length(7), true, false, false)),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", (Framing::Chunked, true, false, false)),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
            (Framing::Length(1), true, true, false),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            (Framing::None, true, false, true),
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", (Framing::None, true, false, false)),
        ("GET http://a/ HTTP/1.1\r\nHost: A:80\r\n\r\n", (Framing::None, true, false, false)),
    ];
    for (text, want) in cases {
        let (result, head) = parse_whole(text.as_bytes());
        assert_eq!(result, Ok(Some(text.len())), "{text:?}");
        assert_eq!((head.framing, head.persistent, head.expects_continue, head.upgrade), *want, "{text:?}");
    }
}

#[test]
fn refuses_what_is_not() {
    let cases: &[(&str, BadRequest)] = &[
        ("GET / HTTP/1.1\nHost: a\n\n", BadRequest::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", BadRequest::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", BadRequest::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n", BadRequest::BareCr),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\0\r\n\r\n", BadRequest::Nul),
        ("GET / HTTP/1.1\r\nX\0: 1\r\n\r\n", BadRequest::Nul),
        ("GET /\r\n\r\n", BadRequest::RequestLine),
        ("hello\r\n\r\n", BadRequest::RequestLine),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Method),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Method),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::MethodRefused),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Target(BadTarget::Form)),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Target(BadTarget::Byte)),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Target(BadTarget::Byte)),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Target(BadTarget::Escape)),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", BadRequest::Version),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", BadRequest::Version),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", BadRequest::Version),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", BadRequest::VersionRefused),
        ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", BadRequest::VersionRefused),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BadRequest::Preface),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", BadRequest::HeaderName),
        ("GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", BadRequest::HeaderName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\x7f: 1\r\n\r\n", BadRequest::HeaderName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", BadRequest::Folded),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\x0b2\r\n\r\n", BadRequest::Control),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", BadRequest::OtherHost),
        ("GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n", BadRequest::OtherHost),
        ("GET / HTTP/1.1\r\n\r\n", BadRequest::NoHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BadRequest::ManyHosts),
        ("GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", BadRequest::Host),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", BadRequest::Host),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", BadRequest::Length),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", BadRequest::Length),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", BadRequest::Length),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", BadRequest::Length),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", BadRequest::ManyLengths),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            BadRequest::LengthAndEncoding,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", BadRequest::Encoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", BadRequest::Encoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", BadRequest::Encoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n\r\n", BadRequest::Encoding),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BadRequest::EncodingIn10),
    ];
    for (text, want) in cases {
        assert_eq!(parse_whole(text.as_bytes()).0, Err(*want), "{text:?}");
        assert!(want.status() >= 400, "{text:?}");
    }
}

#[test]
fn tolerates_what_nginx_does() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\nbad@name: 1\r\na_b:2\r\nX-Space:   padded \t \r\nX: é\r\n\r\n";
    let (result, head) = parse_whole(text.as_bytes());
    assert_eq!(result, Ok(Some(text.len())));
    let mut out = Vec::new();
    head.headers.encode(&mut out, KnownSet::EMPTY);
    let want = "Host: a\r\nnocolon: \r\na_b:2\r\nX-Space:   padded \t \r\nX: é\r\n";
    assert_eq!(String::from_utf8_lossy(&out), want);
    assert_eq!(head.headers.get("x-space"), Some(&b"padded"[..]));
    assert_eq!(head.headers.get("nocolon"), Some(&b""[..]));
}

#[test]
fn keeps_what_was_understood() {
    let (result, head) = parse_whole(b"GET /x HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX : 1\r\n\r\n");
    assert_eq!(result, Err(BadRequest::HeaderName));
    assert_eq!(head.headers.get("accept"), Some(&b"text/html"[..]));
    assert_eq!(head.target.as_bytes(), b"/x");
}

#[test]
fn limits_are_those_of_nginx() {
    let of = |n: usize| "x".repeat(n);
    let many = |n: usize, size: usize| (0..n).map(|i| format!("X-{i}: {}\r\n", of(size))).collect::<String>();
    let head = |target: String, fields: String| format!("GET /{target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    for (text, want) in [
        (head(of(7000), String::new()), None),
        (head(of(9000), String::new()), Some(BadRequest::TargetTooLong)),
        (head(String::new(), many(1, 7000)), None),
        (head(String::new(), many(1, 9000)), Some(BadRequest::HeadTooLarge)),
        (head(String::new(), many(4, 7000)), None),
        (head(String::new(), many(5, 7000)), Some(BadRequest::HeadTooLarge)),
        (head(String::new(), many(300, 1)), None),
        (head(String::new(), many(1100, 1)), Some(BadRequest::HeadTooLarge)),
    ] {
        let (result, _) = parse_whole(text.as_bytes());
        assert_eq!(result.err(), want, "{} bytes", text.len());
        // The same while it trickles in, and before the end is there.
        let mut progress = Progress::default();
        let mut into = RequestHead::default();
        let trickled = (1..=text.len())
            .map(|end| parse_request(&text.as_bytes()[..end], &Limits::default(), &mut progress, &mut into))
            .find(|result| *result != Ok(None));
        assert_eq!(trickled.and_then(Result::err), want, "{} bytes, one by one", text.len());
    }
    let small = Limits { first: 1024, buffer: 2048, buffers: 2, fields: 100 };
    for (text, want) in [
        (head(String::new(), many(1, 1500)), None),
        (head(String::new(), many(1, 2500)), Some(BadRequest::HeadTooLarge)),
        (head(of(2500), String::new()), Some(BadRequest::TargetTooLong)),
    ] {
        let mut into = RequestHead::default();
        let result = parse_request(text.as_bytes(), &small, &mut Progress::default(), &mut into);
        assert_eq!(result.err(), want);
    }
}
