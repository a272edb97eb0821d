//! Request heads with all that is taken out of them: target, path, query, host, cookies, Accept.

use gibbon_http::Headers;
use gibbon_http::Known;
use gibbon_http::KnownSet;
use gibbon_http::RequestHead;
use gibbon_http::accept;
use gibbon_http::cookie;
use gibbon_http::h1;
use gibbon_http::host;
use gibbon_http::path;
use gibbon_http::query;
use gibbon_http::query::Args;

use crate::steps;

/// Request heads:
/// - a head that comes in pieces is read as one that comes at once;
/// - what is written for an upstream is read by us as the same request, and by httparse too, unless it refuses it;
/// - a normal path has no dot segment and no empty one, and stays what it is when it is escaped and read again;
/// - arguments survive being written and read.
pub fn request(data: &[u8]) {
    let limits = h1::Limits::default();
    let mut head = RequestHead::default();
    let at_once = h1::parse_request(data, &limits, &mut h1::Progress::default(), &mut head);
    in_pieces(data, at_once, &head);
    let Ok(Some(length)) = at_once else { return };
    assert!(length <= data.len());
    head_is_read_alike(&head);
    path_is_normal(head.target.path());
    let query = head.target.query().unwrap_or_default();
    arguments_survive(query);
    let host = head.host();
    let _ = (host::name(host), host::normal(host), host::port(host));
    let _ = cookie::get(&head.headers, "a");
    for value in head.headers.known_all(Known::Accept) {
        let ranges = accept::parse(value);
        assert!(ranges.windows(2).all(|pair| pair[0].q >= pair[1].q), "the best range comes first");
    }
}

fn in_pieces(data: &[u8], at_once: Result<Option<usize>, h1::BadRequest>, head: &RequestHead) {
    let (mut pieces, mut progress, mut step) = (RequestHead::default(), h1::Progress::default(), steps(data));
    let mut end = 0;
    let in_pieces = loop {
        end = (end + step()).min(data.len());
        let result = h1::parse_request(&data[..end], &h1::Limits::default(), &mut progress, &mut pieces);
        if result != Ok(None) || end == data.len() {
            break result;
        }
    };
    // Until a head looks whole its errors may stay unseen.
    if at_once.is_ok_and(|length| length.is_some()) || in_pieces.is_ok_and(|length| length.is_some()) {
        assert_eq!(at_once, in_pieces);
        assert_eq!(head.headers, pieces.headers);
        assert_eq!((head.framing, &head.target), (pieces.framing, &pieces.target));
    }
}

/// What goes out for this request is read as this request.
fn head_is_read_alike(head: &RequestHead) {
    let mut target = path::escape(&path::normalize(head.target.path()));
    if let Some(query) = head.target.query() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    let skip = KnownSet::HOP_BY_HOP;
    let mut headers = head.headers.clone();
    headers.set("Host", if head.host().is_empty() { b"a" } else { head.host() });
    let mut wire = Vec::new();
    let line = h1::RequestLine { method: &head.method, path: &target, query: None };
    h1::begin_request(&mut wire, line);
    headers.encode(&mut wire, skip);
    h1::end_head(&mut wire, head.framing, "close");

    let limits = h1::Limits { first: 1 << 20, buffer: 1 << 20, ..h1::Limits::default() };
    let mut again = RequestHead::default();
    let read = h1::parse_request(&wire, &limits, &mut h1::Progress::default(), &mut again);
    assert_eq!(read, Ok(Some(wire.len())), "{}", String::from_utf8_lossy(&wire));
    assert_eq!((&again.method, again.framing), (&head.method, head.framing));
    assert_eq!(again.target.as_bytes(), target);
    let without = |headers: &Headers| -> Vec<(Vec<u8>, Vec<u8>)> {
        headers
            .iter_known()
            .filter(|(known, ..)| !skip.contains(*known))
            .map(|(_, n, v)| (n.into(), v.into()))
            .collect()
    };
    assert_eq!(without(&headers), without(&again.headers));

    let mut fields = vec![httparse::EMPTY_HEADER; 1100];
    let mut other = httparse::Request::new(&mut fields);
    match other.parse(&wire) {
        Ok(httparse::Status::Complete(length)) => {
            assert_eq!(length, wire.len());
            assert_eq!(other.method, Some(head.method.as_str()));
            assert_eq!(other.path.map(str::as_bytes), Some(target.as_slice()));
            let ours: Vec<_> = again.headers.iter().collect();
            let theirs: Vec<_> = other.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
            assert_eq!(ours, theirs);
        }
        Ok(httparse::Status::Partial) => panic!("httparse waits for more: {}", String::from_utf8_lossy(&wire)),
        // It takes no control bytes in values, and only some bytes in a target; refusing is safe.
        Err(_) => assert!(
            !wire.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b'\t' | b' '..=b'~'))
                || target.iter().any(|byte| !byte.is_ascii_alphanumeric())
        ),
    }
}

fn path_is_normal(received: &[u8]) {
    let normal = path::normalize(received);
    assert_eq!(normal.first(), Some(&b'/'), "{}", String::from_utf8_lossy(received));
    let segments: Vec<&[u8]> = normal[1..].split(|byte| *byte == b'/').collect();
    let inner = &segments[..segments.len() - 1];
    assert!(segments.iter().all(|segment| *segment != b"." && *segment != b".."), "{:?}", normal);
    assert!(inner.iter().all(|segment| !segment.is_empty()), "{:?}", normal);
    assert_eq!(path::normalize(&path::escape(&normal)), normal);
}

fn arguments_survive(text: &[u8]) {
    let args = Args::parse(text, 1000);
    assert_eq!(Args::parse(&args.encode(), 1000), args);
    match query::without(text, "a") {
        Some(rest) => assert!(!Args::parse(&rest, usize::MAX).contains("a")),
        None => assert!(!Args::parse(text, usize::MAX).contains("a")),
    }
}
