//! Reads what came with a request: refuses bodies that are too large or of no known type, and makes a [`Call`] of the rest.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use bytes::BytesMut;
use gibbon_model::Catalog;
use gibbon_schema::Document;
use gibbon_schema::Record;
use http::Method;
use http::StatusCode;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde_json::Value;

use crate::arguments::decode::MapKeys;
use crate::arguments::decode::nest;
use crate::arguments::infer::infer;
use crate::arguments::multipart;
use crate::arguments::query;
use crate::arguments::query::Pairs;
use crate::call::BodyForm;
use crate::call::Call;
use crate::paths::Endpoint;
use crate::paths::Found;
use crate::reply::Origin;
use crate::reply::Reply;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";
/// The endpoint of whole configurations.
const CONFIG: &str = "/config";
const YAML: [&str; 2] = ["application/yaml", "text/yaml"];

type Refused = Box<Reply>;

/// Refuses a body whose announced length is beyond `limit`; 0 is no limit.
pub(crate) fn refuse_large(head: &Parts, limit: u64) -> Result<(), Refused> {
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if limit > 0 && length.is_some_and(|length| length > limit) { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Refused {
    Box::new(Reply::page(StatusCode::PAYLOAD_TOO_LARGE, Origin::Server))
}

fn takes_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Refuses a body of a type that no endpoint reads. The comparison knows the letter case, as Kong's does.
pub(crate) fn check_content_type(head: &Parts, body: &Body, endpoint: &Endpoint) -> Result<(), Refused> {
    if !takes_body(&head.method) {
        return Ok(());
    }
    let mut types = head.headers.get_all(header::CONTENT_TYPE).iter();
    let known = match (types.next(), types.next()) {
        (None, _) => {
            let empty = head.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
            empty || body.is_end_stream()
        }
        (Some(_), Some(_)) => {
            let text = b"Multiple Content-Type headers not allowed".to_vec();
            return Err(Box::new(Reply::bytes(StatusCode::BAD_REQUEST, JSON, text)));
        }
        (Some(only), None) => {
            let is = |prefix: &&str| only.as_bytes().starts_with(prefix.as_bytes());
            [JSON, FORM, MULTIPART].iter().any(is) || (endpoint.template == CONFIG && YAML.iter().any(is))
        }
    };
    if known {
        return Ok(());
    }
    Err(Box::new(Reply::page(StatusCode::UNSUPPORTED_MEDIA_TYPE, Origin::EndpointPage)))
}

/// Reads the body, if the method has one that counts.
pub(crate) async fn read(head: &Parts, mut body: Body, limit: u64, timeout: Duration) -> Result<Bytes, Refused> {
    let mut read = BytesMut::new();
    if !takes_body(&head.method) {
        return Ok(read.freeze());
    }
    loop {
        let broken = || Box::new(Reply::page(StatusCode::BAD_REQUEST, Origin::EndpointPage));
        let timed_out = |_| Box::new(Reply::page(StatusCode::REQUEST_TIMEOUT, Origin::Parser));
        match tokio::time::timeout(timeout, body.frame()).await.map_err(timed_out)? {
            None => return Ok(read.freeze()),
            Some(Err(_)) => return Err(broken()),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    if limit > 0 && (read.len() + data.len()) as u64 > limit {
                        return Err(too_large());
                    }
                    read.extend_from_slice(data);
                }
            }
        }
    }
}

/// Makes the call: nests and types query and body.
pub(crate) async fn call(head: &Parts, raw: Bytes, found: Found<'_>, catalog: &Catalog) -> Result<Call, Refused> {
    let record = found.endpoint.schema.and_then(|name| catalog.entity(name)).map(|entity| &entity.record);
    let keys = if takes_body(&head.method) { MapKeys::Decoded } else { MapKeys::Literal };
    let query_pairs = query::parse(head.uri.query().unwrap_or_default().as_bytes()).map_err(unread)?;
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (body, form) =
        if found.endpoint.template == CONFIG && content_type.starts_with(JSON) && takes_body(&head.method) {
            (Document::new(), BodyForm::JsonUnread)
        } else if takes_body(&head.method) {
            body(content_type, &raw, record, catalog).await?
        } else {
            (Document::new(), BodyForm::None)
        };
    Ok(Call {
        method: if head.method == Method::HEAD { Method::GET } else { head.method.clone() },
        parameters: found.parameters,
        raw_parameters: found.raw_parameters,
        query: typed(&query_pairs, keys, record, catalog),
        query_pairs,
        body,
        form,
        raw,
    })
}

fn unread(refused: query::Refused) -> Refused {
    Box::new(Reply::message(StatusCode::BAD_REQUEST, refused.to_string()))
}

/// Reads a body by its type, names nested and values typed.
pub(crate) async fn body(
    content_type: &str,
    raw: &Bytes,
    record: Option<&Record>,
    catalog: &Catalog,
) -> Result<(Document, BodyForm), Refused> {
    if content_type.starts_with(JSON) {
        return Ok((json(raw)?, BodyForm::Json));
    }
    let pairs = if content_type.starts_with(FORM) {
        query::parse(raw).map_err(unread)?
    } else if content_type.starts_with(MULTIPART) {
        multipart::parse(content_type, raw.clone()).await.map_err(unread)?
    } else {
        let form = if YAML.iter().any(|yaml| content_type.starts_with(yaml)) { BodyForm::Yaml } else { BodyForm::None };
        return Ok((Document::new(), form));
    };
    Ok((typed(&pairs, MapKeys::Decoded, record, catalog), BodyForm::Form))
}

/// Reads a body that is JSON; what is no object counts as an empty one.
pub(crate) fn json(raw: &[u8]) -> Result<Document, Refused> {
    match serde_json::from_slice(raw) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(Value::Bool(false)) | Err(_) => {
            Err(Box::new(Reply::message(StatusCode::BAD_REQUEST, "Cannot parse JSON body")))
        }
        Ok(_) => Ok(Document::new()),
    }
}

fn typed(pairs: &Pairs, keys: MapKeys, record: Option<&Record>, catalog: &Catalog) -> Document {
    let mut document = nest(pairs, keys);
    if let Some(record) = record {
        infer(&mut document, record, catalog);
    }
    document
}
