//! Formats 1.1 and 2.1: route paths that were regular expressions by their looks become so by name.

use gibbon_schema::typedefs::text::normalize;
use serde_json::Value;

use crate::Document;

/// Brings the paths of all routes in a file of an older format to those of 3.0.
///
/// Routes at the top and in services are looked at, as in Kong.
pub(super) fn migrate(file: &mut Document) {
    let old = matches!(file.get("_format_version").and_then(Value::as_str), Some("1.1" | "2.1"));
    if !old {
        return;
    }
    migrate_routes(file.get_mut("routes"));
    if let Some(Value::Array(services)) = file.get_mut("services") {
        for service in services {
            migrate_routes(service.get_mut("routes"));
        }
    }
    file.insert("_format_version".to_owned(), "3.0".into());
}

fn migrate_routes(routes: Option<&mut Value>) {
    let Some(Value::Array(routes)) = routes else { return };
    for route in routes {
        let Some(Value::Array(paths)) = route.get_mut("paths") else { continue };
        for path in paths {
            if let Value::String(text) = path {
                *text = migrated(text);
            }
        }
    }
}

/// Returns a path of an older format as 3.0 has it.
fn migrated(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~/%-".contains(&byte);
    if path.bytes().all(plain) {
        return normalize(path);
    }
    format!("~{}", decoded(path))
}

/// Decodes percent triplets once, as 3.0 no longer does it when matching: those of reserved
/// characters stay, those of characters with a meaning in expressions are escaped.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let triplet = bytes
            .get(at + 1..at + 3)
            .filter(|hex| bytes[at] == b'%' && hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let Some(byte) = triplet else {
            out.push(bytes[at]);
            at += 1;
            continue;
        };
        if b"!#$%&'()*+,/:;=?@[]".contains(&byte) {
            out.extend(bytes[at..at + 3].to_ascii_uppercase());
        } else {
            if br".^-{}\|".contains(&byte) {
                out.push(b'\\');
            }
            out.push(byte);
        }
        at += 3;
    }
    String::from_utf8(out).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::migrated;

    #[test]
    fn tells_regular_expressions_by_their_looks() {
        for (path, want) in [
            ("/plain/a-b_c.~", "/plain/a-b_c.~"),
            ("/a/(?<x>.*)", "~/a/(?<x>.*)"),
            ("/a%2eb(c)", r"~/a\.b(c)"),
            ("/a%2fb$", "~/a%2Fb$"),
            ("/a%20b c", "~/a b c"),
        ] {
            assert_eq!(migrated(path), want, "{path}");
        }
    }
}
