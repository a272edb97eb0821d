//! From an HTTP request to an endpoint and back: what every call goes through, whatever it asks for.
//!
//! ```text
//! request ─ odd ones (TRACE, no Host) ─ robots.txt ─ path ─ content type ─ body ─ method ─ arguments ─ handler ─ headers ─ response
//! ```

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Version;
use http::header;
use http::header::HeaderName;
use http::request::Parts;
use hyper::ext::ReasonPhrase;
use tracing::error;

use crate::Admin;
use crate::audit;
use crate::call::Call;
use crate::intake;
use crate::pages;
use crate::paths::Found;
use crate::paths::Paths;
use crate::reply::Origin;
use crate::reply::Outcome;
use crate::reply::Reply;

const ROBOTS: &str = "User-agent: *\nDisallow: /";
const ADMIN_LATENCY: HeaderName = HeaderName::from_static("x-kong-admin-latency");

/// Which API a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// Everything.
    Admin,
    /// What monitors ask.
    Status,
}

/// One API on its way to be served.
pub(crate) struct App {
    pub(crate) api: Api,
    pub(crate) admin: Arc<Admin>,
    pub(crate) paths: Paths,
}

/// Returns the service of one API.
pub(crate) fn router(app: App) -> axum::Router {
    axum::Router::new().fallback(serve).with_state(Arc::new(app))
}

async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let reply = app.answer(&head, body).await.unwrap_or_else(|cut| *cut);
    if app.admin.env.conf.audit_log
        && let Some(found) = app.paths.find(head.uri.path())
    {
        audit::tell(&app.admin.catalog, &head, &found, &reply);
    }
    app.finish(reply, &head, started)
}

impl App {
    async fn answer(self: &Arc<Self>, head: &Parts, body: Body) -> Outcome {
        if head.method == Method::TRACE {
            return Ok(Reply::page(StatusCode::METHOD_NOT_ALLOWED, Origin::Parser));
        }
        if head.version == Version::HTTP_11 && !head.headers.contains_key(header::HOST) {
            return Ok(Reply::page(StatusCode::BAD_REQUEST, Origin::Parser));
        }
        if head.uri.path() == "/robots.txt" {
            let text = ROBOTS.as_bytes().to_vec();
            return Ok(Reply { origin: Origin::Server, ..Reply::bytes(StatusCode::OK, "text/plain", text) });
        }
        let limit = self.body_limit();
        intake::refuse_large(head, limit)?;
        let Some(found) = self.paths.find(head.uri.path()) else { return Ok(Reply::not_found()) };
        intake::check_content_type(head, &body, found.endpoint)?;
        if found.endpoint.disabled {
            return Ok(Reply::not_found());
        }
        if head.method == Method::OPTIONS {
            return Ok(options(head, &found));
        }
        let raw = intake::read(head, body, limit, self.admin.env.conf.admin_limits.client_body_timeout).await?;
        let Some(handler) = found.endpoint.handler(&head.method).copied() else {
            return Ok(Reply::method_not_allowed());
        };
        let call = intake::call(head, raw, found, &self.admin.catalog).await?;
        self.run(handler, call).await
    }

    /// Runs a handler in a task of its own, so that a client that hangs up does not cut a write in two.
    async fn run(self: &Arc<Self>, handler: crate::routes::Handler, call: Call) -> Outcome {
        let admin = Arc::clone(&self.admin);
        let work = async move { handler.run(admin, call).await };
        match tokio::spawn(AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => {
                error!("an endpoint of the Admin API panicked");
                Ok(Reply::unexpected())
            }
        }
    }

    fn body_limit(&self) -> u64 {
        let conf = &self.admin.env.conf;
        match self.api {
            Api::Admin => conf.admin_limits.client_max_body_size,
            Api::Status => conf.status_limits.client_max_body_size,
        }
    }

    /// Adds the headers that every answer carries.
    fn finish(&self, reply: Reply, head: &Parts, started: Instant) -> Response {
        let conf = &self.admin.env.conf;
        let closes = reply.closes();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        if matches!(reply.origin, Origin::Endpoint | Origin::EndpointPage) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.allowed_origin(head));
            if self.api == Api::Admin {
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
        if reply.origin != Origin::Parser {
            if conf.headers.server {
                headers.insert(header::SERVER, HeaderValue::from_static(crate::SERVER));
            }
            if conf.headers.admin_latency {
                let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                headers.insert(ADMIN_LATENCY, HeaderValue::from(elapsed));
            }
        }
        if let Some(content_type) = reply.content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if !matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(reply.body.len()));
        }
        if head.version < Version::HTTP_2 {
            let connection = if closes || !keeps_alive(head) { "close" } else { "keep-alive" };
            headers.insert(header::CONNECTION, HeaderValue::from_static(connection));
        }
        for (name, value) in reply.headers {
            headers.append(name, value);
        }
        let phrase = pages::reason(reply.status);
        if Some(phrase) != reply.status.canonical_reason() {
            response.extensions_mut().insert(ReasonPhrase::from_static(phrase.as_bytes()));
        }
        *response.body_mut() = Body::from(reply.body);
        response
    }

    /// Returns the origin that may read the answer: with `admin_gui_url` one of its origins, else whoever asks.
    fn allowed_origin(&self, head: &Parts) -> HeaderValue {
        let asking = head.headers.get(header::ORIGIN);
        let known = &self.admin.gui_origins;
        let allowed = match (self.api, known.first()) {
            (Api::Admin, Some(first)) => asking.filter(|origin| known.contains(origin)).or(Some(first)),
            _ => asking,
        };
        allowed.cloned().unwrap_or(HeaderValue::from_static("*"))
    }
}

/// Returns the answer to OPTIONS: the methods of the path, and the headers asked for.
fn options(head: &Parts, found: &Found<'_>) -> Reply {
    let allow = HeaderValue::from_str(&found.endpoint.allow()).expect("invariant: methods are ASCII");
    let asked = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    Reply::empty(StatusCode::NO_CONTENT)
        .with(header::ALLOW, allow.clone())
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, allow)
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("Content-Type")))
}

/// Returns whether the client wants the connection kept; HTTP/1.0 must ask for it.
fn keeps_alive(head: &Parts) -> bool {
    let says = |word: &str| {
        let values = head.headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
    };
    if head.version == Version::HTTP_10 { says("keep-alive") } else { !says("close") }
}
