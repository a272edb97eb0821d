//! What every call goes through: paths, methods, content types, headers, limits; and listeners.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::Fixture;
use crate::Handle;
use crate::Http2;
use crate::Listening;

#[tokio::test]
async fn carries_kongs_headers() {
    let api = Fixture::embedded();
    let answer = api.get("/services").await;
    assert_eq!(answer.text, r#"{"data":[],"next":null}"#);
    assert_eq!(answer.header("server"), crate::SERVER);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("content-length"), "23");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("connection"), "keep-alive");
    assert!(answer.header("x-kong-admin-latency").parse::<u64>().is_ok());
}

#[tokio::test]
async fn hides_what_headers_switches_off() {
    let api = Fixture::new(gibbon_schema::Database::On, "headers = off");
    let answer = api.get("/nope").await;
    assert_eq!((answer.status, answer.text.as_str()), (404, r#"{"message":"Not found"}"#));
    assert_eq!(answer.header("server"), "");
    assert_eq!(answer.header("x-kong-admin-latency"), "");
}

#[tokio::test]
async fn tells_the_methods_of_a_path() {
    let api = Fixture::embedded();
    for (path, allow) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/services", "GET, HEAD, OPTIONS, POST"),
        ("/services/", "GET, HEAD, OPTIONS, POST"),
        ("/services/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/services/x/routes", "GET, HEAD, OPTIONS, POST"),
        ("/schemas/services/validate", "OPTIONS, POST"),
    ] {
        let answer = api.call("OPTIONS", path, json!({})).await;
        assert_eq!((answer.status, answer.header("allow")), (204, allow), "{path}");
    }
    assert_eq!(api.call("OPTIONS", "/targets", json!({})).await.status, 404);
    assert_eq!(api.call("PUT", "/services", json!({})).await.status, 405);
    assert_eq!(api.call("HEAD", "/services", json!({})).await.status, 200);
}

#[tokio::test]
async fn refuses_bodies_it_cannot_read() {
    let api = Fixture::embedded();
    let send = async |headers: &[(&str, &str)], body: &'static str| {
        let mut request = Request::builder().method("POST").uri("/services").header("host", "a");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        api.send(request.body(Body::from(body)).unwrap()).await
    };
    let json = ("content-type", "application/json");
    for (headers, body, status, text) in [
        (vec![], "{}", 415, "415 Unsupported Media Type"),
        (vec![("content-type", "text/plain")], "{}", 415, "415 Unsupported Media Type"),
        (vec![json, json], "{}", 400, "Multiple Content-Type headers not allowed"),
        (vec![json], "{", 400, "Cannot parse JSON body"),
        (vec![json, ("content-length", "99999999")], "{}", 413, "413 Request Entity Too Large"),
        (vec![json], "[1]", 400, "host: required field missing"),
    ] {
        let answer = send(&headers, body).await;
        assert_eq!(answer.status, status, "{headers:?} {body}");
        assert!(answer.text.contains(text), "{headers:?} {body}: {}", answer.text);
    }
}

/// Serves the Admin API on a port of its own.
fn listen(api: &Fixture) -> (SocketAddr, Handle) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listening = Listening { socket, tls: None, http2: Http2::On };
    (address, crate::serve(&api.apis, vec![listening], Vec::new()).unwrap())
}

#[tokio::test]
async fn serves_sockets_until_it_is_shut_down() {
    let api = Fixture::embedded();
    let (address, handle) = listen(&api);
    let ask = async |request: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let text = ask("GET /services HTTP/1.1\r\nHost: a\r\n\r\nPUT /services HTTP/1.0\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Length: 23\r\n"), "{text}");
    assert!(text.contains("HTTP/1.0 405 Not Allowed\r\n"), "{text}");
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("hello\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"),
    ] {
        let text = ask(request).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {text}");
        assert!(text.contains(&format!("<center><h1>{status}</h1></center>")), "{request}: {text}");
    }
    handle.shutdown(Duration::from_secs(5)).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn answers_what_is_on_its_way_when_it_is_shut_down() {
    let api = Fixture::embedded();
    let (address, handle) = listen(&api);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /services HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut text = vec![0; 12];
    stream.read_exact(&mut text).await.unwrap();
    assert_eq!(text, b"HTTP/1.1 200");

    let shutdown = tokio::spawn(handle.shutdown(Duration::from_secs(5)));
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stream.write_all(b"GET /routes HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (_, second) = text.split_once("HTTP/1.1 200 OK\r\n").expect("a second answer");
    assert!(second.contains("\r\nConnection: close\r\n"), "{second}");
    shutdown.await.unwrap();
}
