//! Holding an answer against an expectation: what is named must be so, the rest may be anything.
//!
//! Tokens such as `<uuid>` in an expected text match any value of their kind, alone or inside a longer text.

use serde_json::Value;

/// Returns every difference as `path: what`, empty if `actual` has all that `expected` names.
pub(super) fn differences(path: &str, expected: &Value, actual: &Value) -> Vec<String> {
    let differ = || vec![format!("{path}: expected {expected}, got {actual}")];
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .flat_map(|(key, wanted)| {
                let path = format!("{path}.{key}");
                match found.get(key) {
                    Some(found) => differences(&path, wanted, found),
                    None if wanted.is_null() => Vec::new(),
                    None => vec![format!("{path}: expected {wanted}, is missing")],
                }
            })
            .collect(),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .flat_map(|(index, (wanted, found))| differences(&format!("{path}[{index}]"), wanted, found))
            .collect(),
        (Value::String(wanted), found) if wanted == "<any>" && !found.is_null() => Vec::new(),
        (Value::String(wanted), Value::String(found)) if matches(wanted, found) => Vec::new(),
        (Value::String(wanted), Value::Number(found))
            if wanted.starts_with('<') && matches(wanted, &found.to_string()) =>
        {
            Vec::new()
        }
        // YAML reads `age: 5` as a number; headers are texts.
        (Value::Number(_) | Value::Bool(_), Value::String(found)) if matches(&expected.to_string(), found) => {
            Vec::new()
        }
        (Value::Number(wanted), Value::Number(found)) if wanted.as_f64() == found.as_f64() => Vec::new(),
        (wanted, found) if wanted == found => Vec::new(),
        _ => differ(),
    }
}

/// Whether `text` is `pattern`, with tokens standing for values of their kind.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((token, rest)) = token(pattern) else {
        let mut wanted = pattern.chars();
        let Some(first) = wanted.next() else { return text.is_empty() };
        return text.strip_prefix(first).is_some_and(|text| matches(wanted.as_str(), text));
    };
    // The longest value first: `<int>` is to take all digits, not the first.
    let ends = text.char_indices().map(|(end, _)| end).chain([text.len()]);
    let mut ends: Vec<usize> = ends.collect();
    ends.reverse();
    ends.into_iter().any(|end| is_a(token, &text[..end]) && matches(rest, &text[end..]))
}

/// Splits a pattern that begins with a known token.
fn token(pattern: &str) -> Option<(&str, &str)> {
    let (token, rest) = pattern.strip_prefix('<')?.split_once('>')?;
    let known = matches!(
        token,
        "any" | "uuid" | "int" | "float" | "ms" | "date" | "request-id" | "ip" | "server" | "port:ECHO" | "port:PROXY"
    );
    known.then_some((token, rest))
}

fn is_a(token: &str, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| digits(text.strip_prefix('-').unwrap_or(text));
    match token {
        "any" => !text.is_empty(),
        "int" | "ms" => number(text),
        "float" => text.split_once('.').map_or(number(text), |(whole, part)| number(whole) && digits(part)),
        "port:ECHO" | "port:PROXY" => digits(text) && text.parse::<u16>().is_ok(),
        "uuid" => {
            let groups: Vec<&str> = text.split('-').collect();
            let lengths = groups.iter().map(|group| group.len());
            lengths.eq([8, 4, 4, 4, 12]) && groups.iter().all(|group| is_hex(group))
        }
        "request-id" => text.len() == 32 && is_hex(text),
        // As RFC 9110 §5.6.7 writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
        "date" => text.len() == 29 && text.ends_with(" GMT") && text.as_bytes()[3] == b',',
        "ip" => text.parse::<std::net::IpAddr>().is_ok(),
        "server" => {
            let product = text.strip_prefix("gibbon/").or_else(|| text.strip_prefix("kong/"));
            product.is_some_and(|version| version.split('.').count() == 3 && version.split('.').all(digits))
        }
        _ => false,
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
