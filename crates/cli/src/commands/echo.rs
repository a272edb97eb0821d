//! `gibbon echo`: a small HTTP server that answers each request with what it received, as JSON. An upstream for trying things out; it
//! is not part of a node and not built for load.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;

pub(super) fn execute(address: SocketAddr) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(address))
}

async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("could not listen on {address}"))?;
    println!("echo listens on http://{}", listener.local_addr()?);
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, peer));
            // A client that goes away is no matter for a server of this kind.
            _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, peer: SocketAddr) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // A body that breaks off is shown as far as it came: empty.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let received = json!({
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "path": head.uri.path(),
        "query": head.uri.query().unwrap_or_default(),
        "http_version": format!("{:?}", head.version),
        "headers": headers(&head.headers),
        "body": String::from_utf8_lossy(&body),
        "client": peer.ip().to_string(),
    });
    let mut response = Response::new(Full::from(format!("{received:#}\n")));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Header fields by name; one that came several times is a list.
fn headers(all: &HeaderMap) -> Map<String, Value> {
    let value = |name| {
        let mut values: Vec<Value> =
            all.get_all(name).iter().map(|value| json!(String::from_utf8_lossy(value.as_bytes()))).collect();
        if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
    };
    all.keys().map(|name| (name.as_str().to_owned(), value(name))).collect()
}
