//! Names with dots and brackets become nested documents: `a.b`, `a[]`, `a[1].b`, `a[key]`.
//! Types are not looked at here. Rules: Kong's `api/arguments_decoder.lua`, pinned by golden vectors.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Map;
use serde_json::Value;

use super::query::Argument;
use super::query::Pairs;

/// Whether `a[key]` names a key of a map; for reads Kong keeps that syntax for searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKeys {
    /// `a[key]=1` is `{"a": {"key": 1}}`.
    Decoded,
    /// `a[key]=1` is `{"a[key]": 1}`.
    Literal,
}

/// What a Lua table can be: a list, an object, or a mix, until it is known what came.
#[derive(Clone, Debug, Default)]
struct Table {
    list: BTreeMap<i64, Node>,
    map: IndexMap<String, Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Value),
    Table(Table),
}

/// Returns the document that the pairs make.
pub(crate) fn nest(pairs: &Pairs, keys: MapKeys) -> Map<String, Value> {
    let mut all = Table::default();
    for (name, values) in pairs {
        let mut one = Table::default();
        place(name, leaf_or_list(values), &mut one, keys);
        merge(&mut all, one);
    }
    match all.into_value() {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

fn leaf_or_list(values: &[Argument]) -> Node {
    let leaf = |argument: &Argument| {
        Node::Leaf(match argument {
            Argument::Text(text) => text.clone().into(),
            Argument::True => true.into(),
        })
    };
    match values {
        [one] => leaf(one),
        many => Node::Table(Table { list: (1..).zip(many.iter().map(leaf)).collect(), ..Table::default() }),
    }
}

/// Puts a value where its name says.
fn place(raw: &str, value: Node, into: &mut Table, keys: MapKeys) {
    // Kong really files these under the key "name".
    if raw.starts_with('.') || raw.ends_with('.') {
        into.map.insert("name".to_owned(), value);
        return;
    }
    let name = unescape_brackets(raw);
    let mut path: Vec<Step> = Vec::new();
    for part in split_dots(&name) {
        path.extend(steps(part, keys));
    }
    put(into, &path, value);
}

/// One step into a nested table.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Index(i64),
    Append,
}

fn put(table: &mut Table, path: &[Step], value: Node) {
    let Some((step, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match (step, value) {
            (Step::Key(key), value) => drop(table.map.insert(key.clone(), value)),
            (Step::Index(index), value) => drop(table.list.insert(*index, value)),
            (Step::Append, Node::Table(values)) => table.list.extend(values.list),
            (Step::Append, leaf) => table.push(leaf),
        }
        return;
    }
    let slot = match step {
        Step::Key(key) => table.map.entry(key.clone()).or_insert_with(|| Node::Table(Table::default())),
        Step::Index(index) => table.list.entry(*index).or_insert_with(|| Node::Table(Table::default())),
        Step::Append => table.list.entry(1).or_insert_with(|| Node::Table(Table::default())),
    };
    if let Node::Table(inner) = slot {
        put(inner, rest, value);
    }
}

/// Returns a name with `%5B…%5D` as brackets.
fn unescape_brackets(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, inner, after)) = escaped_pair(rest) {
        out.push_str(before);
        out.push('[');
        out.push_str(inner);
        out.push(']');
        rest = after;
    }
    out.push_str(rest);
    out
}

fn escaped_pair(text: &str) -> Option<(&str, &str, &str)> {
    let lower = text.to_ascii_lowercase();
    let open = lower.find("%5b")?;
    let close = open + 3 + lower[open + 3..].find("%5d")?;
    Some((&text[..open], &text[open + 3..close], &text[close + 3..]))
}

/// Splits at dots that are not inside brackets.
fn split_dots(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut skip_to = 0;
    for (at, character) in name.char_indices() {
        if at < skip_to {
            continue;
        }
        if character == '.' {
            parts.push(&name[start..at]);
            start = at + 1;
        } else if character == '['
            && at > start
            && let Some(close) = name[at..].find(']')
        {
            skip_to = at + close + 1;
        }
    }
    parts.push(&name[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns the steps of one part such as `foo[bar][21]`.
fn steps(part: &str, keys: MapKeys) -> Vec<Step> {
    let literal = || vec![Step::Key(part.to_owned())];
    let Some(open) = part.char_indices().skip(1).find(|(_, character)| *character == '[').map(|(at, _)| at) else {
        return literal();
    };
    let mut found = vec![Step::Key(part[..open].to_owned())];
    let mut rest = &part[open..];
    while let Some(from) = rest.find('[') {
        let Some(length) = rest[from..].find(']') else { break };
        let inner = &rest[from + 1..from + length];
        found.push(match inner.trim().parse::<i64>() {
            _ if inner.is_empty() => Step::Append,
            Ok(index) => Step::Index(index),
            Err(_) if keys == MapKeys::Literal => return literal(),
            Err(_) => Step::Key(inner.to_owned()),
        });
        rest = &rest[from + length + 1..];
    }
    if found.len() == 1 { literal() } else { found }
}

/// Takes over what `from` holds; where both hold something, values line up in a list.
fn merge(to: &mut Table, from: Table) {
    for (index, node) in from.list {
        match (to.list.get_mut(&index), node) {
            (None, node) => drop(to.list.insert(index, node)),
            // Texts at the same place, as in `hosts=a&hosts[]=b`, stand side by side.
            (Some(Node::Leaf(_)), leaf @ Node::Leaf(_)) => to.push(leaf),
            (Some(held), node) => join(held, node),
        }
    }
    for (key, node) in from.map {
        match to.map.get_mut(&key) {
            None => drop(to.map.insert(key, node)),
            Some(held) => join(held, node),
        }
    }
}

fn join(held: &mut Node, node: Node) {
    if let Node::Leaf(first) = held {
        let mut table = Table::default();
        table.push(Node::Leaf(first.take()));
        *held = Node::Table(table);
    }
    let Node::Table(table) = held else { return };
    match node {
        Node::Table(inner) => merge(table, inner),
        leaf => table.push(leaf),
    }
}

impl Table {
    fn push(&mut self, node: Node) {
        let last = self.list.keys().next_back().copied().unwrap_or(0);
        self.list.insert(last.max(0) + 1, node);
    }

    fn into_value(self) -> Value {
        let entries = self.map.into_iter().map(|(key, node)| (key, node.into_value()));
        if self.list.is_empty() {
            return Value::Object(entries.collect());
        }
        if entries.len() == 0 {
            return self.list.into_values().map(Node::into_value).collect();
        }
        let mut object: Map<String, Value> = entries.collect();
        object.extend(self.list.into_iter().map(|(index, node)| (index.to_string(), node.into_value())));
        Value::Object(object)
    }
}

impl Node {
    fn into_value(self) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::Table(table) => table.into_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::query;
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(form: &str, want: Value) {
        let pairs = query::parse(form.as_bytes()).expect("few arguments");
        assert_eq!(Value::Object(nest(&pairs, MapKeys::Decoded)), want, "{form}");
    }

    #[test]
    fn nests_names() {
        for (form, want) in [
            ("config.foo=1", json!({ "config": { "foo": "1" } })),
            ("a.b.c=x", json!({ "a": { "b": { "c": "x" } } })),
            ("hosts[]=a&hosts[]=b", json!({ "hosts": ["a", "b"] })),
            ("hosts[1]=a&hosts[2]=b", json!({ "hosts": ["a", "b"] })),
            ("hosts=a&hosts=b", json!({ "hosts": ["a", "b"] })),
            ("hosts=a&hosts[]=b", json!({ "hosts": ["a", "b"] })),
            ("headers[x-foo]=1", json!({ "headers": { "x-foo": "1" } })),
            ("config[a.b]=1", json!({ "config": { "a.b": "1" } })),
            (
                "config.list[1].name=x&config.list[1].v=y&config.list[2].name=z",
                json!({ "config": { "list": [{ "name": "x", "v": "y" }, { "name": "z" }] } }),
            ),
            ("m[k][1]=v", json!({ "m": { "k": ["v"] } })),
            ("a%255B1%255D=x", json!({ "a": ["x"] })),
            (".a=x", json!({ "name": "x" })),
            ("a.=x", json!({ "name": "x" })),
            ("a..b=x", json!({ "a": { "b": "x" } })),
            ("config.headers[X-A.b]=v", json!({ "config": { "headers": { "X-A.b": "v" } } })),
            ("tags[]=one", json!({ "tags": ["one"] })),
            ("flag", json!({ "flag": true })),
            ("[5][a]=x", json!({ "[5]": { "a": "x" } })),
        ] {
            check(form, want);
        }
    }

    #[test]
    fn keeps_map_syntax_of_reads() {
        let pairs = query::parse(b"a[b]=1&c[]=2").expect("few arguments");
        let got = nest(&pairs, MapKeys::Literal);
        assert_eq!(Value::Object(got), json!({ "a[b]": "1", "c": ["2"] }));
    }
}
