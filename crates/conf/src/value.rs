//! Values: how the text of a property becomes a value, and how a value becomes a Rust type. It knows no property by name.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Listener;
use crate::listen;

/// How the text of a property is read. Kong's types, with listeners and sizes told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `on` or `true`; everything else is false, junk too.
    Flag,
    /// Kong's `ngx_boolean`: `on`, else off; shown as `"on"` or `"off"`.
    Switch,
    /// A number as Lua reads it.
    Number,
    /// Texts, separated by commas.
    List,
    /// Addresses of an HTTP listener with their flags.
    HttpListen,
    /// Addresses of a TCP or UDP listener with their flags.
    StreamListen,
    /// One of these texts.
    Choice(&'static [&'static str]),
}

/// A value that was read; never the empty text, which means unset.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `Text` and `Choice`.
    Text(String),
    /// `Flag`.
    Flag(bool),
    /// `Switch`.
    Switch(bool),
    /// `Number`.
    Number(f64),
    /// `List`, `HttpListen` and `StreamListen`.
    List(Vec<String>),
}

impl Value {
    /// Reads `text` as `kind`; `None` is unset, `Err` text that is no such value.
    pub(crate) fn read(kind: Kind, text: &str) -> Result<Option<Self>, &'static str> {
        let text = text.trim();
        Ok(match kind {
            Kind::Flag => Some(Self::Flag(matches!(text, "on" | "true"))),
            Kind::Switch => Some(Self::Switch(matches!(text, "on" | "true"))),
            _ if text.is_empty() => match kind {
                Kind::List | Kind::HttpListen | Kind::StreamListen => Some(Self::List(Vec::new())),
                _ => None,
            },
            Kind::Text | Kind::Choice(_) => Some(Self::Text(text.to_owned())),
            Kind::Number => Some(Self::Number(number(text).ok_or("number")?)),
            Kind::List | Kind::HttpListen | Kind::StreamListen => Some(Self::List(split(text))),
        })
    }

    /// Returns the items of a list; none of anything else.
    pub fn items(&self) -> &[String] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Splits at commas; items are trimmed, empty ones fall away.
fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Reads a number as Lua's `tonumber` does, for the forms that make sense in a configuration.
fn number(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().map(|n| n as f64);
    }
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

/// A Rust type that a property's value can be had as. Values were checked before; what is unset becomes the type's nothing.
pub(crate) trait FromValue {
    fn from_value(value: Option<&Value>) -> Self;
}

impl FromValue for String {
    fn from_value(value: Option<&Value>) -> Self {
        value.and_then(Value::text).unwrap_or_default().to_owned()
    }
}

impl FromValue for Option<String> {
    fn from_value(value: Option<&Value>) -> Self {
        value.and_then(Value::text).map(str::to_owned)
    }
}

impl FromValue for bool {
    fn from_value(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Flag(on) | Value::Switch(on)) => *on,
            // A directive is text, also where its property is a switch.
            Some(Value::Text(text)) => text == "on",
            _ => false,
        }
    }
}

impl FromValue for Option<f64> {
    fn from_value(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Option<&Value>) -> Self {
        Option::from_value(value).unwrap_or_default()
    }
}

impl FromValue for Option<u64> {
    fn from_value(value: Option<&Value>) -> Self {
        // A cast from float saturates, so that a negative number is 0.
        Option::<f64>::from_value(value).map(|number| number as u64)
    }
}

impl FromValue for u64 {
    fn from_value(value: Option<&Value>) -> Self {
        Option::from_value(value).unwrap_or_default()
    }
}

impl FromValue for Option<Duration> {
    fn from_value(value: Option<&Value>) -> Self {
        Option::<f64>::from_value(value).map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

impl FromValue for Duration {
    fn from_value(value: Option<&Value>) -> Self {
        Option::from_value(value).unwrap_or_default()
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: Option<&Value>) -> Self {
        value.map(|value| value.items().to_vec()).unwrap_or_default()
    }
}

impl FromValue for Vec<Listener> {
    fn from_value(value: Option<&Value>) -> Self {
        listen::parse(value.map(Value::items).unwrap_or_default()).unwrap_or_default()
    }
}

impl FromValue for Vec<SocketAddr> {
    fn from_value(value: Option<&Value>) -> Self {
        let items = value.map(Value::items).unwrap_or_default();
        items.iter().filter_map(|item| listen::name_server(item)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values_as_kong() {
        for (kind, text, want) in [
            (Kind::Flag, "on", Some(Value::Flag(true))),
            (Kind::Flag, "maybe", Some(Value::Flag(false))),
            (Kind::Switch, " true ", Some(Value::Switch(true))),
            (Kind::Number, "0x10", Some(Value::Number(16.0))),
            (Kind::Number, "0.5", Some(Value::Number(0.5))),
            (Kind::Text, "", None),
            (Kind::List, "a, b,,c ", Some(Value::List(vec!["a".into(), "b".into(), "c".into()]))),
        ] {
            assert_eq!(Value::read(kind, text), Ok(want), "{kind:?} {text}");
        }
        assert_eq!(Value::read(Kind::Number, "ten"), Err("number"));
    }
}
