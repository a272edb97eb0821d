//! The text that everything a regex matches begins with, so that a regex is tried only where it can match. Careful
//! rather than clever: what it does not understand ends the text.

/// Returns text that every match of `pattern`, anchored at the start, begins with; empty when it cannot be told.
pub(super) fn prefix(pattern: &str) -> String {
    if has_alternatives(pattern) {
        return String::new();
    }
    let mut text = String::new();
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        let literal = match next {
            '?' | '*' | '{' => {
                // The character before may be missing.
                text.pop();
                return text;
            }
            '\\' => match rest.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => escaped,
                _ => return text,
            },
            '.' | '+' | '[' | ']' | '(' | ')' | '}' | '^' | '$' | '|' => return text,
            other => other,
        };
        text.push(literal);
    }
    text
}

/// Tells whether the pattern as a whole is a choice: a bar outside of all groups and classes. A bar inside a class
/// counts when in doubt.
fn has_alternatives(pattern: &str) -> bool {
    let mut depth = 0u32;
    let mut characters = pattern.chars();
    while let Some(next) = characters.next() {
        match next {
            '\\' => {
                characters.next();
            }
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // Parentheses in a class are no groups: give up rather than count wrongly.
            '[' if pattern.contains('|') => return true,
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_only_what_every_match_begins_with() {
        for (pattern, want) in [
            ("/user/\\d+", "/user/"),
            ("/a\\.b", "/a.b"),
            ("/ab?c", "/a"),
            ("/ab*", "/a"),
            ("/ab+", "/ab"),
            ("/ab{0,1}", "/a"),
            ("/a|/b", ""),
            ("/(a|b)/x", "/"),
            ("/x[|]y", ""),
            ("(?i)/x", ""),
            ("/é?x", "/"),
            ("/a\\", "/a"),
            ("/plain", "/plain"),
        ] {
            assert_eq!(prefix(pattern), want, "{pattern}");
        }
    }
}
