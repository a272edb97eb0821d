//! What `echo` shows: the request as the gateway saw it, and what it matched.

use gibbon_schema::{Document, Value, json};
use gibbon_sdk::form::Form;
use gibbon_sdk::http::host;
use gibbon_sdk::http::query::Args;
use gibbon_sdk::{Cx, MAX_ARGUMENTS};

/// Returns the whole answer. Reads the body, up to what plugins read.
pub(super) async fn tell(cx: &mut Cx<'_>, message: Option<&str>) -> Value {
    let mut answer = json!({
        "kong": {
            "node_id": cx.env.node_id.to_string(),
            "worker_pid": std::process::id(),
            "hostname": cx.env.hostname,
        },
        "request": request(cx).await,
    });
    let members = answer.as_object_mut().expect("invariant: it was made as an object");
    if let Some(message) = message {
        members.insert("message".to_owned(), message.into());
    }
    let (route, service) = (cx.route.map(|route| route.id), cx.service.map(|service| service.id));
    for (name, entity, id) in [("matched_route", "routes", route), ("matched_service", "services", service)] {
        if let Some(document) = id.and_then(|id| cx.directory.document(entity, id)) {
            members.insert(name.to_owned(), Value::Object(document));
        }
    }
    answer
}

async fn request(cx: &mut Cx<'_>) -> Value {
    let limit = cx.env.body_buffer_size();
    let content_type = cx.request().head.headers.get("content-type").unwrap_or_default().to_vec();
    let body = cx.read_body(limit).await.ok().map(<[u8]>::to_vec);
    let form = body.as_deref().and_then(|body| Form::parse(&content_type, body));
    let query = cx.query().map(|query| Args::parse(query, MAX_ARGUMENTS)).unwrap_or_default();
    let (mut named, mut unnamed) = (Document::new(), Vec::new());
    for (name, value) in &cx.captures {
        match name.parse::<usize>() {
            // The whole match is no group.
            Ok(0) => {}
            Ok(_) => unnamed.push(text(value)),
            Err(_) => {
                named.insert(name.to_string(), text(value));
            }
        }
    }
    let port = cx.listener.address.port();
    let request = cx.request();
    let mut headers = Document::new();
    for (name, value) in request.head.headers.iter() {
        add(&mut headers, &String::from_utf8_lossy(name).to_ascii_lowercase(), text(value));
    }
    let mut shown = json!({
        "scheme": request.scheme.name(),
        "host": String::from_utf8_lossy(host::name(request.head.host())),
        "port": port,
        "headers": headers,
        "query": arguments(&query),
        "method": request.head.method.as_str(),
        "path": String::from_utf8_lossy(request.head.target.path()),
        "uri_captures": { "named": named, "unnamed": unnamed },
    });
    let members = shown.as_object_mut().expect("invariant: it was made as an object");
    if let Some(body) = body {
        members.insert("raw_body".to_owned(), text(&body));
    }
    if let Some(form) = form {
        members.insert("body".to_owned(), body_members(form));
    }
    shown
}

fn body_members(form: Form) -> Value {
    match form {
        Form::UrlEncoded(args) => arguments(&args),
        Form::Json(object) => Value::Object(object),
        Form::Multipart(multipart) => {
            let mut members = Document::new();
            for piece in multipart.pieces() {
                add(&mut members, &piece.name, text(&piece.value));
            }
            Value::Object(members)
        }
    }
}

fn arguments(args: &Args) -> Value {
    let mut members = Document::new();
    for arg in args.iter() {
        let value = arg.value.as_deref().map_or(Value::Bool(true), text);
        add(&mut members, &String::from_utf8_lossy(&arg.name), value);
    }
    Value::Object(members)
}

/// Adds a value; a second one of the same name makes a list of both.
fn add(members: &mut Document, name: &str, value: Value) {
    match members.get_mut(name) {
        None => {
            members.insert(name.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = json!([first.take(), value]),
    }
}

fn text(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into_owned().into()
}
