//! Which form the text of an error takes, chosen by Accept as Kong chooses it, and the templates it is put into.
//! Messages and statuses are not its business.

use std::fs;

use gibbon_conf::Conf;

/// A form of error text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/json`.
    Json,
    /// `text/html`.
    Html,
    /// `text/plain`.
    Plain,
    /// `application/xml`.
    Xml,
    /// `application/grpc`: no text at all, and an empty Content-Type.
    Grpc,
}

impl Form {
    /// Returns the form that a Content-Type or media range stands for, JSON when it is none of ours.
    ///
    /// Kong compares names as they are written; `application/*` is JSON, `text/*` plain.
    fn of_media(media: &str) -> Self {
        match media {
            "text/html" => Self::Html,
            "text/plain" | "text/*" => Self::Plain,
            "application/xml" => Self::Xml,
            "application/grpc" => Self::Grpc,
            _ => Self::Json,
        }
    }

    /// Returns the form for an Accept header: the range with the highest weight, the first of equals.
    ///
    /// An unknown range counts as JSON, as without the header. Source: Kong 3.10, tools/http.lua `get_response_type`.
    pub(crate) fn accepted(accept: Option<&[u8]>) -> Self {
        let mut best = (Self::Json, 0.0);
        for range in accept.and_then(|accept| std::str::from_utf8(accept).ok()).unwrap_or_default().split(',') {
            let mut pieces = range.split(';').map(str::trim);
            let Some(media) = pieces.next().filter(|media| media.contains('/')) else { continue };
            let weight =
                pieces.filter_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q="))).next_back();
            let weight = weight.map_or(1.0, |weight| weight.trim().parse::<f32>().unwrap_or(1.0));
            if weight > best.1 {
                best = (Self::of_media(media), weight);
            }
        }
        best.0
    }

    /// Returns the Content-Type that is sent.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Plain => "text/plain; charset=utf-8",
            Self::Xml => "application/xml; charset=utf-8",
            Self::Grpc => "",
        }
    }
}

const HTML: &str = "<!doctype html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    <title>Error</title>\n  </head>\n  \
    <body>\n    <h1>Error</h1>\n    <p>%s.</p>\n    <p>request_id: %s</p>\n  </body>\n</html>\n";
const JSON: &str = "{\n  \"message\":\"%s\",\n  \"request_id\":\"%s\"\n}";
const PLAIN: &str = "%s\nrequest_id: %s\n";
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\n  <message>%s</message>\n  \
    <requestid>%s</requestid>\n</error>\n";

/// The texts that messages are put into: message at the first `%s`, request id at the second, both as they are.
#[derive(Debug)]
pub(crate) struct Templates {
    json: String,
    html: String,
    plain: String,
    xml: String,
}

impl Templates {
    /// Reads the node's own templates (`error_template_*`); one that cannot be read is told in the log and left out.
    pub(crate) fn read(conf: &Conf) -> Self {
        let own = |path: &Option<String>, default: &str| {
            let Some(path) = path else { return default.to_owned() };
            fs::read_to_string(path).unwrap_or_else(|error| {
                tracing::error!(%error, path, "failed reading the custom error template");
                default.to_owned()
            })
        };
        Self {
            json: own(&conf.error_template_json, JSON),
            html: own(&conf.error_template_html, HTML),
            plain: own(&conf.error_template_plain, PLAIN),
            xml: own(&conf.error_template_xml, XML),
        }
    }

    /// Returns the text of an error in a form.
    pub(crate) fn render(&self, form: Form, message: &str, request_id: &str) -> Vec<u8> {
        let template = match form {
            Form::Json => &self.json,
            Form::Html => &self.html,
            Form::Plain => &self.plain,
            Form::Xml => &self.xml,
            Form::Grpc => return Vec::new(),
        };
        fill(template, [message, request_id])
    }
}

/// Puts values where `%s` stands, and `%` where `%%` stands, as Lua's `string.format` does.
fn fill(template: &str, values: [&str; 2]) -> Vec<u8> {
    let mut out = Vec::with_capacity(template.len() + values[0].len() + values[1].len());
    let mut values = values.into_iter();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let skip = match rest.as_bytes().get(at + 1) {
            Some(b's') => {
                out.extend_from_slice(values.next().unwrap_or_default().as_bytes());
                2
            }
            Some(b'%') => {
                out.push(b'%');
                2
            }
            _ => {
                out.push(b'%');
                1
            }
        };
        rest = &rest[at + skip..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_by_accept() {
        for (accept, want) in [
            (None, Form::Json),
            (Some(""), Form::Json),
            (Some("*/*"), Form::Json),
            (Some("text/*"), Form::Plain),
            (Some("application/*"), Form::Json),
            (Some("text/html"), Form::Html),
            (Some("image/png, text/html"), Form::Json),
            (Some("image/png;q=0.1, text/html;q=0.2"), Form::Html),
            (Some("text/html;q=0.5,application/xml;q=0.9"), Form::Xml),
            (Some("text/html; level=1; q=0.5, text/plain; q=0.6"), Form::Plain),
            (Some("text/html;q=0"), Form::Json),
            (Some("application/grpc"), Form::Grpc),
            (Some("nonsense"), Form::Json),
        ] {
            assert_eq!(Form::accepted(accept.map(str::as_bytes)), want, "{accept:?}");
        }
    }

    #[test]
    fn fills_templates() {
        assert_eq!(fill(JSON, ["no", "id"]), b"{\n  \"message\":\"no\",\n  \"request_id\":\"id\"\n}");
        assert_eq!(fill("100%% %s %d", ["a", "b"]), b"100% a %d");
    }
}
