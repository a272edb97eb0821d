//! The expression that Kong makes of an HTTP route, as far as it can be wrong: a regex that the router's engine does not
//! know, a header without values. It routes nothing; the router reads the fields themselves.

use gibbon_schema::Document;
use gibbon_schema::Value;
use regex::Regex;

/// Checks that a route can be expressed.
///
/// # Errors
/// Kong's message, with the place in the expression that its parser shows.
pub(super) fn check(route: &Document) -> Result<(), String> {
    let mut expression = Expression::default();
    expression.snis(route);
    expression.any("http.method", strings(route, "methods"), |method| ("==", method.to_owned()));
    expression.hosts(route);
    expression.any("http.path", strings(route, "paths"), |path| match path.strip_prefix('~') {
        Some(regex) => ("~", format!("^{}", regex.replace("?<", "?P<"))),
        None => ("^=", path.to_owned()),
    });
    for (name, values) in route.get("headers").and_then(Value::as_object).into_iter().flatten() {
        expression.header(name, values);
    }
    expression.judge()
}

fn strings<'r>(route: &'r Document, field: &str) -> Vec<&'r str> {
    route.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The text as it grows, and what in it has to be looked at.
#[derive(Default)]
struct Expression {
    text: String,
    /// Regexes with the places of their literals, in bytes.
    regexes: Vec<(std::ops::Range<usize>, String)>,
    /// Place at which a term is missing.
    gap: Option<usize>,
}

impl Expression {
    fn and(&mut self) {
        if !self.text.is_empty() {
            self.text.push_str(" && ");
        }
    }

    /// Adds that a field has one of these values.
    fn any(&mut self, field: &str, values: Vec<&str>, test: impl Fn(&str) -> (&'static str, String)) {
        if values.is_empty() {
            return;
        }
        self.and();
        self.group(field, &values, test);
    }

    fn group(&mut self, field: &str, values: &[&str], test: impl Fn(&str) -> (&'static str, String)) {
        self.text.push('(');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.text.push_str(" || ");
            }
            let (operator, value) = test(value);
            self.text.push_str(&format!("{field} {operator} "));
            let start = self.text.len();
            self.text.push_str(&literal(&value));
            if operator == "~" {
                self.regexes.push((start..self.text.len(), value));
            }
        }
        self.text.push(')');
    }

    fn snis(&mut self, route: &Document) {
        let snis = strings(route, "snis");
        if !snis.is_empty() {
            self.text.push_str("(net.protocol != r#\"https\"# || ");
            self.group("tls.sni", &snis, |sni| match (sni.strip_prefix('*'), sni.strip_suffix('*')) {
                (Some(suffix), _) => ("=^", suffix.trim_end_matches('.').to_owned()),
                (None, Some(prefix)) => ("^=", prefix.to_owned()),
                (None, None) => ("==", sni.strip_suffix('.').unwrap_or(sni).to_owned()),
            });
            self.text.push(')');
        }
    }

    fn hosts(&mut self, route: &Document) {
        let hosts = strings(route, "hosts");
        if hosts.is_empty() {
            return;
        }
        self.and();
        let terms = hosts.iter().map(|host| {
            let (name, port) = match host.split_once(':') {
                Some((name, port)) if port.parse::<u32>().is_ok() => (name, Some(port)),
                _ => (*host, None),
            };
            let (operator, name) = match (name.strip_prefix('*'), name.strip_suffix('*')) {
                (Some(suffix), _) => ("=^", suffix),
                (None, Some(prefix)) => ("^=", prefix),
                (None, None) => ("==", name),
            };
            let term = format!("http.host {operator} r#\"{name}\"#");
            port.map_or(term.clone(), |port| format!("({term} && net.dst.port == {port})"))
        });
        let terms: Vec<String> = terms.collect();
        self.text.push_str(&format!("({})", terms.join(" || ")));
    }

    fn header(&mut self, name: &str, values: &Value) {
        self.and();
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if values.is_empty() {
            self.gap.get_or_insert(self.text.len() + 1);
        }
        let field = format!("any(lower(http.headers.{}))", name.to_ascii_lowercase().replace('-', "_"));
        self.group(&field, &values, |value| {
            let value = value.to_ascii_lowercase();
            match value.strip_prefix("~*") {
                Some(regex) => ("~", regex.to_owned()),
                None => ("==", value),
            }
        });
    }

    /// Says what the parser says: a missing term before anything else, then the first regex that cannot be compiled.
    fn judge(&self) -> Result<(), String> {
        if let Some(at) = self.gap {
            return Err(self.message(at, "^---", "expected term"));
        }
        for (place, regex) in &self.regexes {
            if let Err(error) = Regex::new(regex) {
                let length = self.text[place.clone()].chars().count();
                let mark = format!("^{}^", "-".repeat(length.saturating_sub(2)));
                return Err(self.message(place.start, &mark, &error.to_string()));
            }
        }
        Ok(())
    }

    fn message(&self, at: usize, mark: &str, reason: &str) -> String {
        let column = self.text[..at].chars().count() + 1;
        let (text, space) = (&self.text, " ".repeat(column - 1));
        let place = format!(" --> 1:{column}\n  |\n1 | {text}\n  | {space}{mark}\n  |\n  = {reason}");
        format!("Router Expression failed validation: {place}")
    }
}

/// Writes a text as the expression language has it.
fn literal(text: &str) -> String {
    match text.contains("\"#") {
        false => format!("r#\"{text}\"#"),
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(route: Value) -> Option<String> {
        check(route.as_object().expect("an object")).err()
    }

    #[test]
    fn shows_the_place_as_kong_does() {
        assert_eq!(
            outcome(json!({"paths": ["/a", "~/b\\d"], "hosts": ["*.x:80"], "headers": {"A-b": ["~*^c", "D"]}})),
            None
        );
        assert_eq!(
            outcome(json!({"paths": ["~/a(?!b)"]})).as_deref(),
            Some(
                "Router Expression failed validation:  --> 1:14\n  |\n1 | (http.path ~ r#\"^/a(?!b)\"#)\n  |              \
                 ^-----------^\n  |\n  = regex parse error:\n    ^/a(?!b)\n       ^^^\nerror: look-around, including \
                 look-ahead and look-behind, is not supported"
            )
        );
        assert_eq!(
            outcome(json!({"paths": ["/x"], "headers": {"a": []}})).as_deref(),
            Some(
                "Router Expression failed validation:  --> 1:28\n  |\n1 | (http.path ^= r#\"/x\"#) && ()\n  |                            \
                 ^---\n  |\n  = expected term"
            )
        );
    }
}
