//! TLS and HTTP/2 through the same exchange as HTTP/1.

#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::Arc;

use bytes::Bytes;
use gibbon_net::Exchange;
use gibbon_net::tls;
use rig::Rig;
use rig::Script;
use rig::Target;
use rig::forward;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;

async fn plain(exchange: &mut Exchange, target: Target) {
    match forward(exchange, &target).await {
        Ok(()) => exchange.relay().await.unwrap(),
        Err(error) => rig::refuse(exchange, &error).await,
    }
}

/// Sends one request over an HTTP/2 connection; status, headers, body.
async fn ask<T>(io: T, request: http::Request<()>, body: Vec<u8>) -> (http::response::Parts, Vec<u8>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = h2::client::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let (response, mut send) = client.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        send.send_data(Bytes::from(body), true).unwrap();
    }
    let (parts, mut stream) = response.await.unwrap().into_parts();
    let mut received = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.unwrap();
        stream.flow_control().release_capacity(data.len()).unwrap();
        received.extend_from_slice(&data);
    }
    (parts, received)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn http2_lives_the_same_life() {
    let big = "y".repeat(200_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nKeep-Alive: x\r\nX-A: 1\r\n\r\n{big}");
    let rig = Rig::start(Script::answer(&answer).after(300_000), plain);
    let address = rig.address();
    runtime().block_on(async move {
        let io = TcpStream::connect(address).await.unwrap();
        let request = http::Request::post("http://a.test/x?y").header("cookie", "a=1").header("cookie", "b=2");
        let (parts, body) = ask(io, request.body(()).unwrap(), vec![b'x'; 300_000]).await;
        assert_eq!((parts.status.as_u16(), body.len()), (200, 200_000));
        assert_eq!(parts.headers["x-a"], "1");
        assert_eq!(parts.headers["content-length"], "200000");
        assert!(!parts.headers.contains_key("keep-alive") && !parts.headers.contains_key("connection"));
    });
    let seen = rig.seen().bytes;
    assert!(
        seen.starts_with("POST /x?y HTTP/1.1\r\nHost: a.test\r\ncookie: a=1; b=2\r\nTransfer-Encoding: chunked\r\n")
    );
    // One more stands in the path.
    assert_eq!(seen.matches('x').count() - 1, 300_000);
}

#[test]
fn http2_answers_without_an_upstream() {
    async fn teapot(exchange: &mut Exchange, _target: Target) {
        rig::answer(exchange, 418, b"short").await;
    }
    let rig = Rig::start(Script::silent(), teapot);
    let address = rig.address();
    runtime().block_on(async move {
        for (method, want) in [("GET", &b"short"[..]), ("HEAD", b"")] {
            let io = TcpStream::connect(address).await.unwrap();
            let request = http::Request::builder().method(method).uri("http://a.test/").body(()).unwrap();
            let (parts, body) = ask(io, request, Vec::new()).await;
            assert_eq!((parts.status.as_u16(), body.as_slice()), (418, want));
            assert_eq!(parts.headers["content-length"], "5");
        }
    });
}

#[derive(Debug)]
struct ByName(Arc<CertifiedKey>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (hello.server_name() == Some("a.test")).then(|| Arc::clone(&self.0))
    }
}

#[test]
fn tls_is_terminated_and_alpn_chooses() {
    async fn tell(exchange: &mut Exchange, _target: Target) {
        let tls = exchange.peer().tls.as_ref().unwrap();
        let text = format!("{:?} {} {} {:?}", tls.sni, tls.version, tls.cipher, exchange.request.version);
        rig::answer(exchange, 200, text.as_bytes()).await;
    }
    let pair = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let key = Arc::new(tls::certified_key(certificate.as_bytes(), key.as_bytes()).unwrap());
    let config = tls::server(&tls::ServerTls {
        protocols: &["TLSv1.2".to_owned(), "TLSv1.3".to_owned()],
        ciphers: None,
        order: tls::CipherOrder::Server,
        resolver: Arc::new(ByName(key)),
        http2: true,
    });
    let rig = Rig::start_tls(Script::silent(), tell, Some(config.unwrap()));
    let address = rig.address();
    let roots = tls::roots([certificate.as_bytes()]).unwrap();
    runtime().block_on(async move {
        let mut client = (*tls::client(&tls::Verify::Against { roots }, None).unwrap()).clone();
        client.alpn_protocols = vec![b"h2".to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let connect = async |name: &str| {
            let io = TcpStream::connect(address).await.unwrap();
            connector.connect(tls::server_name(name).unwrap(), io).await
        };
        let request = http::Request::get("https://a.test/").body(()).unwrap();
        let (_, body) = ask(connect("a.test").await.unwrap(), request, Vec::new()).await;
        assert_eq!(String::from_utf8(body).unwrap(), "Some(\"a.test\") TLSv1.3 TLS_AES_256_GCM_SHA384 Http2");
        assert!(connect("b.test").await.is_err(), "no certificate for that name");
    });
}

#[test]
fn suites_have_openssl_names() {
    let names: Vec<String> = tls::provider().cipher_suites.iter().copied().map(tls::openssl_name).collect();
    for name in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
    }
}
