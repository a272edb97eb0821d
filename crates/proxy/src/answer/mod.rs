//! Answers that the gateway makes itself: errors in the form the client accepts, nginx's error pages, replies of
//! plugins. It fills the response of an exchange; sending it is not its business.
//!
//! ```text
//! Reply::error(..)   a template chosen by Accept                     kong.response.error
//! Reply::json(..)    compact JSON                                    kong.response.exit with a table
//! page(..)           a template chosen by Accept, Content-Type, conf nginx's error_page
//! ```

mod form;
mod head;
mod messages;

use gibbon_conf::Conf;
use gibbon_sdk::Cx;
use gibbon_sdk::Reply;
use gibbon_sdk::ReplyBody;
use gibbon_sdk::Source;
use gibbon_sdk::http::Headers;
use gibbon_sdk::http::Known;
use gibbon_sdk::http::Status;
use gibbon_sdk::http::Version;

use self::form::Form;
use self::form::Templates;
pub(crate) use self::head::HeadRules;
pub(crate) use self::head::SERVER;

const GRPC: &[u8] = b"application/grpc";

/// How this node words its errors.
#[derive(Debug)]
pub(crate) struct Answers {
    templates: Templates,
    default_type: String,
}

/// Whether a reply brings its own Content-Type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnType {
    Given,
    Absent,
}

/// What an answer says beside its headers.
enum Content {
    Nothing,
    Text(Vec<u8>),
    Table(gibbon_schema::Value),
}

impl Answers {
    /// Reads templates and default type of a node.
    pub(crate) fn of(conf: &Conf) -> Self {
        Self { templates: Templates::read(conf), default_type: conf.error_default_type.clone() }
    }

    /// Makes `reply` the response, in place of whatever it was.
    ///
    /// Headers set earlier stay, those of the reply replace ones of the same name. Source: Kong 3.10, pdk/response.lua.
    pub(crate) fn reply(&self, cx: &mut Cx<'_>, reply: Reply) {
        cx.response.head.status = status_of(reply.status);
        cx.response.head.reason = None;
        cx.response.source.get_or_insert(Source::Gateway);
        for (at, (name, value)) in reply.headers.iter().enumerate() {
            let repeated = reply.headers[..at].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name));
            match repeated {
                _ if name.eq_ignore_ascii_case("transfer-encoding") => {}
                true => cx.response.head.headers.append(name, value),
                false => cx.response.head.headers.set(name, value),
            }
        }
        let content = match reply.body {
            ReplyBody::Empty => match Bare::of(reply.status) {
                Bare::Nothing => Content::Nothing,
                Bare::ErrorPage => return self.page(cx, reply.status, None),
                Bare::Plain(content_type) => {
                    cx.response.head.headers.set("Content-Type", content_type);
                    Content::Text(nginx_page(reply.status))
                }
            },
            ReplyBody::Json(table) => Content::Table(table),
            ReplyBody::Bytes(text) => Content::Text(text),
            ReplyBody::Error(message) => {
                let own = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                let own = if own { OwnType::Given } else { OwnType::Absent };
                self.error(cx, reply.status, message.as_deref(), own)
            }
        };
        send(cx, content);
    }

    /// Chooses the form of an error by Accept, says so in Content-Type and returns its text.
    fn error(&self, cx: &mut Cx<'_>, status: u16, message: Option<&str>, own: OwnType) -> Content {
        if own == OwnType::Absent {
            if is_grpc_request(cx) {
                cx.response.head.headers.set("Content-Type", GRPC);
                return Content::Nothing;
            }
            let accept = cx.request.as_ref().and_then(|request| request.head.headers.known(Known::Accept));
            let form = Form::accepted(accept);
            cx.response.head.headers.set("Content-Type", form.content_type());
            return Content::Text(self.render(form, status, message, cx));
        }
        let given = cx.response.head.headers.known(Known::ContentType);
        Content::Text(self.render(Form::accepted(given), status, message, cx))
    }

    /// Makes nginx's error page for `status` the response; `heard` is what was read of the request's headers.
    ///
    /// The form is chosen by Accept, else by the request's Content-Type, else by `error_default_type`. 494 becomes 400.
    pub(crate) fn page(&self, cx: &mut Cx<'_>, status: u16, heard: Option<&Headers>) {
        let headers = cx.request.as_ref().map(|request| &request.head.headers).or(heard);
        let wanted =
            headers.and_then(|headers| headers.known(Known::Accept).or_else(|| headers.known(Known::ContentType)));
        let wanted = wanted.unwrap_or(self.default_type.as_bytes());
        let grpc = wanted.starts_with(GRPC);
        let form = Form::accepted(Some(wanted));
        cx.response.head.status = status_of(if status == 494 { 400 } else { status });
        cx.response.head.reason = None;
        cx.response.head.headers.remove("Content-Type");
        let content = if grpc {
            let message = messages::default_message(status).unwrap_or_default();
            Content::Table(serde_json::json!({ "message": message }))
        } else {
            cx.response.head.headers.set("Content-Type", form.content_type());
            Content::Text(self.render(form, status, None, cx))
        };
        send(cx, content);
    }

    fn render(&self, form: Form, status: u16, message: Option<&str>, cx: &Cx<'_>) -> Vec<u8> {
        let id = std::str::from_utf8(&cx.id).unwrap_or_default();
        match message.or_else(|| messages::default_message(status)) {
            Some(message) => self.templates.render(form, message, id),
            None => self.templates.render(form, &format!("The upstream server responded with {status}"), id),
        }
    }
}

/// What nginx puts into an answer that was made without a body.
enum Bare {
    /// Nothing: it is no failure, or one that nginx has no page for.
    Nothing,
    /// One of Kong's error pages.
    ErrorPage,
    /// A page of nginx itself, of this type.
    Plain(&'static str),
}

impl Bare {
    /// Source: Kong 3.10's `error_page` statuses, nginx's ngx_http_special_response.c.
    fn of(status: u16) -> Self {
        match status {
            400 | 404 | 405 | 408 | 411 | 412 | 413 | 414 | 417 | 494 | 500 | 502 | 503 | 504 => Self::ErrorPage,
            301..=303 | 307 | 308 => Self::Plain("text/html"),
            401..=403 | 406 | 409 | 410 | 415 | 416 | 421 | 429 | 501 | 505 | 507 => {
                Self::Plain("text/html; charset=UTF-8")
            }
            _ => Self::Nothing,
        }
    }
}

/// Returns nginx's own page for a status.
fn nginx_page(status: u16) -> Vec<u8> {
    // In the status line nginx words 302 otherwise.
    let reason = if status == 302 { "Found" } else { status_of(status).reason() };
    let title = format!("{status} {reason}");
    format!("<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n")
        .into_bytes()
}

/// Returns the status of a number; one that is none becomes 500.
pub(crate) fn status_of(code: u16) -> Status {
    Status::new(code).unwrap_or(Status::INTERNAL_SERVER_ERROR)
}

/// Returns whether the client speaks gRPC: its content type over HTTP/2.
fn is_grpc_request(cx: &Cx<'_>) -> bool {
    cx.request.as_ref().is_some_and(|request| {
        request.head.version == Version::Http2
            && request.head.headers.known(Known::ContentType).is_some_and(|given| given.starts_with(GRPC))
    })
}

/// Puts the content into the response, as text, JSON or gRPC status.
fn send(cx: &mut Cx<'_>, content: Content) {
    let given = cx.response.head.headers.known(Known::ContentType);
    let grpc_output = given.is_some_and(|given| given.starts_with(GRPC));
    let grpc = if given.is_some() { grpc_output } else { is_grpc_request(cx) };
    let headers = &mut cx.response.head.headers;
    let mut grpc_message = None;
    if grpc && !headers.contains("grpc-status") {
        let status = messages::grpc_status(cx.response.head.status.code());
        headers.set("grpc-status", status.to_string());
        grpc_message = Some(messages::grpc_name(status));
    }
    let body = match content {
        Content::Nothing => Vec::new(),
        Content::Text(text) if grpc && !grpc_output => {
            headers.set("grpc-message", text);
            grpc_message = None;
            Vec::new()
        }
        Content::Text(text) => text,
        Content::Table(table) if grpc => {
            if let (false, Some(message)) = (grpc_output, table.get("message").and_then(|message| message.as_str())) {
                headers.set("grpc-message", message);
                grpc_message = None;
            }
            Vec::new()
        }
        Content::Table(table) => {
            headers.insert("Content-Type", Form::Json.content_type());
            serde_json::to_vec(&table).unwrap_or_default()
        }
    };
    if let Some(message) = grpc_message {
        headers.insert("grpc-message", message);
    }
    cx.response.body = Some(body);
}
