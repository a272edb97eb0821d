//! Values printed as Lua tables on one line, as Kong shows keys and errors inside messages.

use std::fmt::Write as _;

use serde_json::Value;

/// Words that cannot stand for a key without brackets.
const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or",
    "repeat", "return", "then", "true", "until", "while",
];

/// Returns a value as Penlight's `pretty.write(value, "")` prints it: `{id="…",list={1,2}}`.
///
/// Keys are sorted; elements after a hole (null in a list) carry their index. Null is `null`.
pub fn line(value: &Value) -> String {
    let mut out = String::new();
    print(value, &mut out);
    out
}

fn print(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            out.push('{');
            let dense = items.iter().position(Value::is_null).unwrap_or(items.len());
            let mut first = true;
            for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                separate(&mut first, out);
                if index >= dense {
                    let _ = write!(out, "[{}]=", index + 1);
                }
                print(item, out);
            }
            out.push('}');
        }
        Value::Object(entries) => {
            out.push('{');
            let mut keys: Vec<_> = entries.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            let mut first = true;
            for (key, item) in keys {
                separate(&mut first, out);
                if is_name(key) {
                    out.push_str(key);
                } else {
                    out.push('[');
                    quote(key, out);
                    out.push(']');
                }
                out.push('=');
                print(item, out);
            }
            out.push('}');
        }
    }
}

fn separate(first: &mut bool, out: &mut String) {
    if !std::mem::take(first) {
        out.push(',');
    }
}

fn is_name(key: &str) -> bool {
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !KEYWORDS.contains(&key)
}

/// Quotes as Penlight does: long brackets for texts with line breaks or closing brackets of their own.
fn quote(text: &str, out: &mut String) {
    let level = closing_level(&format!("{text}]"));
    if (text.contains('\n') || level.is_some()) && !text.contains('\r') {
        let equals = "=".repeat(level.map_or(0, |level| level + 1));
        let newline = if text.starts_with('\n') { "\n" } else { "" };
        let _ = write!(out, "[{equals}[{newline}{text}]{equals}]");
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\\n"),
            '\0' => out.push_str("\\000"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Returns the most `=` between two closing brackets, if there is such a pair.
fn closing_level(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut most = None;
    for (start, _) in text.match_indices(']') {
        let equals = bytes[start + 1..].iter().take_while(|byte| **byte == b'=').count();
        if bytes.get(start + 1 + equals) == Some(&b']') {
            most = most.max(Some(equals));
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::line;

    #[test]
    fn prints_tables() {
        for (value, want) in [
            (json!({"id": "x"}), r#"{id="x"}"#),
            (json!({"b": [1, 2], "a": {"@entity": ["m"]}}), r#"{a={["@entity"]={"m"}},b={1,2}}"#),
            (json!([null, "x"]), r#"{[2]="x"}"#),
            (json!({"end": null}), r#"{["end"]=null}"#),
            (json!("say \"a\" and 'b'"), r#""say \"a\" and 'b'""#),
            (json!("a]]b"), "[=[a]]b]=]"),
            (json!("a\nb"), "[[a\nb]]"),
            (json!({}), "{}"),
        ] {
            assert_eq!(line(&value), want);
        }
    }
}
