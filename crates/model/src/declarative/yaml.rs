//! YAML as Kong reads it: the first document, scalars resolved by YAML 1.1, merge keys, aliases
//! within a budget. Events come from the parser; what they mean is decided here.

use std::collections::HashMap;

use granit_parser::ErrorKind;
use granit_parser::Event;
use granit_parser::Parser;
use granit_parser::ScalarStyle;
use granit_parser::ScanError;
use granit_parser::Span;
use granit_parser::StrInput;
use granit_parser::StructureStyle;
use granit_parser::Tag;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use thiserror::Error;

/// Deepest nesting of lists and mappings, aliases included.
const MAX_DEPTH: usize = 128;
/// Most nodes that aliases may add to a document.
const MAX_ALIASED: usize = 1_000_000;
/// What libyaml says to a tab as indentation.
const TAB: &str = "found character that cannot start any token";

/// Why a text is not the YAML that is wanted; line and column count from 1.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{line}:{column}: {problem}")]
pub struct YamlError {
    pub line: usize,
    pub column: usize,
    pub problem: String,
}

/// Returns the first document of a text; none if there is no document in it.
///
/// # Errors
/// When the first document is not YAML, or is deeper or larger than a configuration can be.
/// The place is that of the last event before the problem, as Kong says it.
pub(super) fn parse(text: &str) -> Result<Option<Value>, YamlError> {
    let mut loader = Loader {
        text,
        flow: 0,
        events: Parser::new_from_str(text),
        place: (1, 1),
        anchors: HashMap::new(),
        aliased: 0,
    };
    loop {
        match loader.next()? {
            Some(Event::StreamStart | Event::DocumentStart(..)) => {}
            None | Some(Event::StreamEnd | Event::DocumentEnd) => return Ok(None),
            Some(event) => return loader.node(event, 0).map(Some),
        }
    }
}

struct Loader<'a> {
    text: &'a str,
    /// Open lists and mappings in brackets.
    flow: usize,
    events: Parser<'a, StrInput<'a>>,
    /// Where the last event began.
    place: (usize, usize),
    anchors: HashMap<usize, Value>,
    aliased: usize,
}

impl<'a> Loader<'a> {
    /// Returns the next event that is not a comment.
    fn next(&mut self) -> Result<Option<Event<'a>>, YamlError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.refuse_tab(&event, &span)?;
                // A document that begins by itself is no event yet to libyaml when its first token is wrong.
                if !matches!(event, Event::DocumentStart(false, _)) {
                    self.place = start(&span);
                }
                Ok(Some(event))
            }
            Some(Err(error)) => Err(self.error(self.problem(&error))),
        }
    }

    /// Refuses what is indented by a tab, as libyaml does: nothing can start after one in a block.
    fn refuse_tab(&mut self, event: &Event<'_>, span: &Span) -> Result<(), YamlError> {
        let flow = |style: &StructureStyle| usize::from(*style == StructureStyle::Flow || self.flow > 0);
        let inside = self.flow;
        match event {
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => self.flow += flow(style),
            Event::SequenceEnd | Event::MappingEnd => self.flow = self.flow.saturating_sub(1),
            _ => {}
        }
        if inside > 0 || !event.is_node() {
            return Ok(());
        }
        let before = &self.text[..span.start.byte_offset().unwrap_or_default()];
        let indent = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        if indent.contains('\t') && indent.trim().is_empty() {
            return Err(self.error(TAB));
        }
        Ok(())
    }

    /// Returns what is wrong in libyaml's words, which keeps the words about where it was apart.
    fn problem(&self, error: &ScanError) -> String {
        if let ErrorKind::UnclosedFlowCollection { open } = error.kind() {
            // Behind an opening bracket or a comma libyaml wants a node, else a comma or the end.
            let wants_node = self.text.trim_end().ends_with(['[', '{', ',']);
            return match (wants_node, *open) {
                (true, _) => "did not find expected node content".to_owned(),
                (false, '[') => "did not find expected ',' or ']'".to_owned(),
                (false, _) => "did not find expected ',' or '}'".to_owned(),
            };
        }
        let info = error.info();
        if info.starts_with("tabs disallowed") {
            return TAB.to_owned();
        }
        match info.split_once(", ") {
            Some((context, problem)) if context.starts_with("while ") => problem.to_owned(),
            _ => info,
        }
    }

    fn error(&self, problem: impl Into<String>) -> YamlError {
        let (line, column) = self.place;
        YamlError { line, column, problem: problem.into() }
    }

    /// Returns the value that begins with this event.
    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Value, YamlError> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let (anchor, value) = match event {
            Event::Alias(id) => {
                let Some(value) = self.anchors.get(&id) else {
                    return Err(self.error("invalid reference"));
                };
                let (nodes, levels) = extent(value);
                self.aliased += nodes;
                if self.aliased > MAX_ALIASED || depth + levels > MAX_DEPTH {
                    return Err(self.error("aliases expand to too much"));
                }
                return Ok(value.clone());
            }
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_deref())),
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence(depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(depth)?),
            _ => return Err(self.error("did not find expected node content")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn expect(&mut self) -> Result<Event<'a>, YamlError> {
        match self.next()? {
            Some(event) => Ok(event),
            None => Err(self.error("did not find expected node content")),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.expect()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut entries = Map::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.expect()? {
                Event::MappingEnd => break,
                event => self.node(event, depth + 1)?,
            };
            let event = self.expect()?;
            let value = self.node(event, depth + 1)?;
            match key {
                Value::String(key) if key == "<<" => merged.push(value),
                Value::String(key) => {
                    entries.insert(key, value);
                }
                Value::Array(_) | Value::Object(_) => {
                    return Err(self.error("a key must be a scalar"));
                }
                key => {
                    entries.insert(key.to_string(), value);
                }
            }
        }
        for source in merged {
            self.merge(&mut entries, source)?;
        }
        Ok(Value::Object(entries))
    }

    /// Adds what a merge key brings and the mapping does not have.
    fn merge(&self, entries: &mut Map<String, Value>, source: Value) -> Result<(), YamlError> {
        match source {
            Value::Object(source) => {
                for (key, value) in source {
                    entries.entry(key).or_insert(value);
                }
                Ok(())
            }
            Value::Array(sources) => sources.into_iter().try_for_each(|source| self.merge(entries, source)),
            _ => Err(self.error("invalid '<<' merge value")),
        }
    }
}

fn start(span: &Span) -> (usize, usize) {
    (span.start.line(), span.start.col() + 1)
}

/// Returns how many nodes a value has, and how deep they are.
fn extent(value: &Value) -> (usize, usize) {
    let inner = |items: &mut dyn Iterator<Item = &Value>| {
        items.map(extent).fold((1, 1), |(nodes, levels), (n, l)| (nodes + n, levels.max(l + 1)))
    };
    match value {
        Value::Array(items) => inner(&mut items.iter()),
        Value::Object(entries) => inner(&mut entries.values()),
        _ => (1, 1),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let as_text = || Value::String(text.to_owned());
    match tag.and_then(Tag::core_suffix) {
        Some("str") => as_text(),
        Some(_) => resolve(text).unwrap_or_else(as_text),
        None if style == ScalarStyle::Plain => resolve(text).unwrap_or_else(as_text),
        None => as_text(),
    }
}

/// Returns what a plain scalar stands for in YAML 1.1, if not for itself.
pub(super) fn resolve(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Some(Value::Bool(true));
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Some(Value::Bool(false));
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    number(text)
}

/// Reads YAML 1.1's numbers: decimal, octal with a leading 0, 0x, 0b, base 60, floats.
fn number(text: &str) -> Option<Value> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).replace('_', "");
    if digits.is_empty() || text.contains("__") && digits.is_empty() {
        return None;
    }
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok();
    let all = |test: fn(&u8) -> bool| digits.bytes().all(|byte| test(&byte));
    let whole = if let Some(hex) = digits.strip_prefix("0x") {
        radix(hex.strip_prefix(['+', '-']).map_or(hex, |_| ""), 16)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary.strip_prefix(['+', '-']).map_or(binary, |_| ""), 2)
    } else if digits.len() > 1 && digits.starts_with('0') && all(|b| (b'0'..=b'7').contains(b)) {
        radix(&digits, 8)
    } else if all(u8::is_ascii_digit) {
        radix(&digits, 10)
    } else if digits.contains(':') {
        return sexagesimal(&digits).map(|value| float(if negative { -value } else { value }));
    } else {
        None
    };
    if let Some(whole) = whole {
        return Some(Value::from(if negative { -whole } else { whole }));
    }
    let plain = all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !plain || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    Some(float(if negative { -value } else { value }))
}

/// Returns a number, without a fraction if it has none: Lua knows one kind of number only.
fn float(value: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Reads `1:30` as 90; parts after the first are below 60.
fn sexagesimal(digits: &str) -> Option<f64> {
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if first.starts_with('0') || !first.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut value: f64 = first.parse().ok()?;
    for part in parts {
        let (minutes, fraction) = part.split_once('.').unwrap_or((part, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if minutes.is_empty() || minutes.len() > 2 || !plain(minutes) || !plain(fraction) {
            return None;
        }
        let part: f64 = part.parse().ok()?;
        if part >= 60.0 {
            return None;
        }
        value = value * 60.0 + part;
    }
    Some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resolves_scalars_as_yaml_1_1() {
        for (text, want) in [
            ("yes", json!(true)),
            ("off", json!(false)),
            ("~", json!(null)),
            ("", json!(null)),
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("017", json!(15)),
            ("0x1F", json!(31)),
            ("3.0", json!(3)),
            ("2.5", json!(2.5)),
            ("1e3", json!(1000)),
            ("1:30", json!(90)),
            ("10:80", json!("10:80")),
            ("127.0.0.1", json!("127.0.0.1")),
            ("127.0.0.1:8000", json!("127.0.0.1:8000")),
            ("-", json!("-")),
            (".", json!(".")),
            ("y", json!("y")),
            ("2026-01-01", json!("2026-01-01")),
            ("~/a", json!("~/a")),
        ] {
            let value = resolve(text).unwrap_or_else(|| Value::String(text.to_owned()));
            assert_eq!(value, want, "{text}");
        }
    }

    #[test]
    fn reads_documents() {
        for (text, want) in [
            ("a: 1\nb: [x, 'y', \"3\"]\n", Some(json!({"a": 1, "b": ["x", "y", "3"]}))),
            ("a: &x {b: 1}\nc: *x\n", Some(json!({"a": {"b": 1}, "c": {"b": 1}}))),
            ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", Some(json!({"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}}))),
            ("# only a comment\n", None),
            ("", None),
            ("null", Some(json!(null))),
            ("a: 1\n---\nb: [", Some(json!({"a": 1}))),
            ("a: |\n  x\n  y\n", Some(json!({"a": "x\ny\n"}))),
            ("a: !!str 5\n", Some(json!({"a": "5"}))),
        ] {
            assert_eq!(parse(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_as_libyaml_does() {
        for (text, want) in [
            ("{", "1:1: did not find expected node content"),
            ("a: [", "1:4: did not find expected node content"),
            ("a: b: c\n", "1:4: mapping values are not allowed in this context"),
            ("a:\n\t- b\n", "1:1: found character that cannot start any token"),
            ("\ta: b\n", "1:1: found character that cannot start any token"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), want, "{text:?}");
        }
    }

    #[test]
    fn refuses_alias_bombs_and_depth() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(","));
        }
        assert!(parse(&bomb).is_err());
        assert!(parse(&("[".repeat(300) + &"]".repeat(300))).is_err());
    }
}
