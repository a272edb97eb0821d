//! Tests of the header list: lookup, edits, what reaches the wire.

use super::*;
use crate::h1;

fn list(fields: &[(&str, &str)]) -> Headers {
    fields.iter().copied().collect()
}

fn wire(headers: &Headers, skip: KnownSet) -> String {
    let mut out = Vec::new();
    headers.encode(&mut out, skip);
    String::from_utf8(out).expect("test values are text")
}

#[test]
fn edits_keep_order_and_case() {
    let mut headers = list(&[("Host", "a"), ("X-A", "1"), ("x-b", "2"), ("X-a", "3")]);
    assert_eq!(headers.get("x-A"), Some(&b"1"[..]));
    assert_eq!(headers.get_all("x-a").collect::<Vec<_>>(), [b"1", b"3"]);
    headers.set("x-a", "9");
    assert_eq!(wire(&headers, KnownSet::EMPTY), "Host: a\r\nx-a: 9\r\nx-b: 2\r\n");
    headers.append("X-B", "4");
    assert!(!headers.insert("x-b", "5"));
    assert!(headers.insert("X-C", "6"));
    assert!(headers.remove("X-b"));
    assert!(!headers.remove("X-b"));
    assert_eq!(wire(&headers, KnownSet::EMPTY.with(Known::Host)), "x-a: 9\r\nX-C: 6\r\n");
    assert_eq!(headers.len(), 3);
    headers.clear();
    assert!(headers.is_empty() && headers.get("host").is_none() && headers.known(Known::Host).is_none());
}

#[test]
fn known_names_are_found_after_edits() {
    let mut headers = list(&[("HOST", "a")]);
    assert_eq!(headers.known(Known::Host), Some(&b"a"[..]));
    headers.set("host", "b");
    assert_eq!(headers.known(Known::Host), Some(&b"b"[..]));
    assert!(headers.remove_known(Known::Host));
    assert_eq!(headers.known(Known::Host), None);
}

#[test]
fn a_value_cannot_break_out_of_its_line() {
    let headers = list(&[("X-A\r\nEvil", "1\r\nEvil: 2\0"), ("X B:", "tab\tstays é")]);
    assert_eq!(wire(&headers, KnownSet::EMPTY), "X-A%0D%0AEvil: 1%0D%0AEvil: 2%00\r\nX%20B%3A: tab\tstays é\r\n");
}

#[test]
fn removes_what_connection_lists_but_not_framing() {
    let text =
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Secret, X-User, keep-alive, Content-Length\r\nx-secret: 1\r\n\
        X-User: forged\r\nContent-Length: 2\r\n\r\n";
    let mut head = crate::RequestHead::default();
    let parsed = h1::parse_request(text, &h1::Limits::default(), &mut h1::Progress::default(), &mut head);
    assert_eq!(parsed, Ok(Some(text.len())));
    let mut headers = head.headers.clone();
    // What the gateway says of the client is not the client's to take away.
    headers.set("X-User", "ann");
    headers.remove_listed_in_connection();
    let skip = KnownSet::HOP_BY_HOP.without(Known::ContentLength).with(Known::Host);
    assert_eq!(wire(&headers, skip), "X-User: ann\r\nContent-Length: 2\r\n");
    assert!(headers.has_token(Known::Connection, "Keep-Alive"));
    assert!(!headers.has_token(Known::Connection, "close"));
}

#[test]
fn lists_are_joined() {
    let mut headers = list(&[("X-A", "1")]);
    let mut other = list(&[("X-Gone", "0"), ("Server", "s"), ("x-a", "2")]);
    other.remove("x-gone");
    headers.append_all(&other);
    assert_eq!(wire(&headers, KnownSet::EMPTY), "X-A: 1\r\nServer: s\r\nx-a: 2\r\n");
    assert_eq!(headers.known(Known::Server), Some(&b"s"[..]));
    assert_eq!(headers.get_all("X-A").collect::<Vec<_>>(), [b"1", b"2"]);
}

#[test]
fn lines_are_as_safe_as_lists() {
    const NAME: Name = crate::name!("X-A");
    let mut out = Vec::new();
    write_line(&mut out, NAME, &[b"1\r\n", b"2"]);
    let mut headers = Headers::new();
    headers.set_parts(NAME, &[b"1\r\n", b"2"]);
    assert_eq!(
        (out.as_slice(), wire(&headers, KnownSet::EMPTY).as_bytes()),
        (&b"X-A: 1%0D%0A2\r\n"[..], out.as_slice())
    );
}

#[test]
fn safe_values_are_set_as_others_are() {
    const SERVER: Name = crate::name!("Server");
    const OTHER: Name = crate::name!("X-Other");
    let mut headers = Headers::new();
    headers.append("Date", "d");
    headers.append("server", "1");
    headers.append("Server", "2");
    headers.set_safe(SERVER, &[b"3", b"4"]);
    headers.append_safe(OTHER, &[b"5"]);
    headers.set_safe(OTHER, &[b"6"]);
    headers.append("server", "7");
    assert_eq!(wire(&headers, KnownSet::EMPTY), "Date: d\r\nServer: 34\r\nX-Other: 6\r\nserver: 7\r\n");
    headers.replace_safe(SERVER, &[b"8"]);
    assert_eq!(wire(&headers, KnownSet::EMPTY), "Date: d\r\nServer: 8\r\nX-Other: 6\r\n");
    assert_eq!((headers.known(Known::Server), headers.get("x-other")), (Some(&b"8"[..]), Some(&b"6"[..])));
    headers.remove_all(KnownSet::EMPTY.with(Known::Server).with(Known::Via));
    headers.replace_safe(SERVER, &[b"9"]);
    assert_eq!(wire(&headers, KnownSet::EMPTY), "Date: d\r\nX-Other: 6\r\nServer: 9\r\n");
}

#[test]
fn a_warm_list_does_not_allocate() {
    let mut headers = Headers::new();
    for _ in 0..3 {
        headers.clear();
        headers.append("X-A", "1");
        headers.set_parts("X-A", &[b"2", b"3"]);
    }
    let (bytes, fields) = (headers.buf.capacity(), headers.fields.capacity());
    headers.clear();
    headers.append("X-A", "1");
    headers.set_parts("X-A", &[b"2", b"3"]);
    assert_eq!((bytes, fields), (headers.buf.capacity(), headers.fields.capacity()));
}
