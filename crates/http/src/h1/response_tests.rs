//! What response heads of upstreams are taken and refused.

use super::*;

const CONTEXT: ResponseContext = ResponseContext { to_head: false, upgrade: false, limit: 16 * 1024 };

fn parse_whole(text: &str, context: ResponseContext) -> (Result<Option<usize>, BadResponse>, ResponseHead) {
    let mut head = ResponseHead::default();
    (parse_response(text.as_bytes(), context, &mut Progress::default(), &mut head), head)
}

#[test]
fn takes_what_was_recorded() {
    let to_head = ResponseContext { to_head: true, ..CONTEXT };
    let upgrade = ResponseContext { upgrade: true, ..CONTEXT };
    let cases: &[(&str, ResponseContext, u16, Framing, bool)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", CONTEXT, 200, Framing::Length(2), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CONTEXT, 200, Framing::Chunked, true),
        ("HTTP/1.0 200 OK\r\nX: 1\r\n\r\n", CONTEXT, 200, Framing::UntilClose, false),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            CONTEXT,
            200,
            Framing::Length(0),
            true,
        ),
        ("HTTP/1.1 200 OK\nX: 1\nContent-Length: 2\n\n", CONTEXT, 200, Framing::Length(2), true),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n", CONTEXT, 200, Framing::Length(2), true),
        ("HTTP/1.1 200 OK\r\nnocolon\r\nContent-Length: 2\r\n\r\n", CONTEXT, 200, Framing::Length(2), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", to_head, 200, Framing::None, true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", CONTEXT, 304, Framing::None, true),
        ("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", CONTEXT, 204, Framing::None, false),
        ("HTTP/1.1 100 Continue\r\n\r\n", CONTEXT, 100, Framing::None, true),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\n", upgrade, 101, Framing::None, false),
    ];
    for (text, context, status, framing, persistent) in cases {
        let (result, head) = parse_whole(text, *context);
        assert_eq!(result, Ok(Some(text.len())), "{text:?}");
        assert_eq!((head.status.code(), head.framing, head.persistent), (*status, *framing, *persistent), "{text:?}");
    }
}

#[test]
fn refuses_what_frames_badly() {
    for (text, want) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", BadResponse::LengthAndEncoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", BadResponse::ManyLengths),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n", BadResponse::Length),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BadResponse::Encoding),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", BadResponse::Switch),
        ("HTTP/2 200 OK\r\n\r\n", BadResponse::StatusLine),
        ("HTTP/1.1 20 OK\r\n\r\n", BadResponse::StatusLine),
        ("HTTP/1.1 099 OK\r\n\r\n", BadResponse::StatusLine),
        ("garbage", BadResponse::StatusLine),
        ("HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n", BadResponse::Header),
        ("HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", BadResponse::Header),
        ("HTTP/1.1 200 OK\r\nX: \r1\r\n\r\n", BadResponse::Header),
    ] {
        assert_eq!(parse_whole(text, CONTEXT).0, Err(want), "{text:?}");
    }
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(parse_whole(&large, CONTEXT).0, Err(BadResponse::TooLarge));
}

#[test]
fn mends_lines_that_were_tolerated() {
    let (_, head) = parse_whole("HTTP/1.1 200 Fine By Me\nX: 1\nnocolon\r\nContent-Length: 2\n\n", CONTEXT);
    let mut out = Vec::new();
    head.headers.encode(&mut out, KnownSet::HOP_BY_HOP);
    assert_eq!(out, b"X: 1\r\nnocolon: \r\n");
    assert_eq!(head.reason.as_deref(), Some(&b"Fine By Me"[..]));
    assert_eq!(head.length, Some(2));
}
