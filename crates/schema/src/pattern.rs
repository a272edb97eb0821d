//! Lua patterns, the notation Kong's schemas use for string rules, run as linear-time regular expressions.
//! Balanced matches, frontiers and back references have no such translation and are refused.

use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

/// A Lua pattern: its text is what clients see, its translation is what runs.
#[derive(Clone, Debug)]
pub struct Pattern {
    lua: String,
    regex: Regex,
}

/// Why a text is not a usable Lua pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// The pattern uses an item that has no regular equivalent.
    #[error("pattern item `{0}` is not supported")]
    Unsupported(String),
    /// The pattern ends inside an item.
    #[error("malformed pattern")]
    Malformed,
    /// The translation was refused by the regex engine.
    #[error("pattern cannot be compiled")]
    Compile(#[from] regex::Error),
}

impl Pattern {
    /// Compiles a Lua pattern.
    ///
    /// # Errors
    /// When the pattern is malformed or uses `%b`, `%f` or a back reference.
    pub fn new(lua: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(&translate(lua)?).unicode(false).dot_matches_new_line(true).build()?;
        Ok(Self { lua: lua.to_owned(), regex })
    }

    /// Returns the Lua text.
    #[must_use]
    pub fn as_lua(&self) -> &str {
        &self.lua
    }

    /// Returns whether the pattern occurs in `text`, as `string.match` would find it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

impl From<&str> for Pattern {
    /// Compiles a pattern that is part of the program.
    ///
    /// # Panics
    /// When it does not compile: patterns from outside go through [`Pattern::new`].
    fn from(lua: &str) -> Self {
        Self::new(lua).expect("invariant: a pattern written in a schema compiles")
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.lua == other.lua
    }
}

fn translate(lua: &str) -> Result<String, PatternError> {
    let bytes = lua.as_bytes();
    let mut out = String::with_capacity(bytes.len() + 8);
    let mut at = 0;
    if bytes.first() == Some(&b'^') {
        out.push('^');
        at = 1;
    }
    while at < bytes.len() {
        match bytes[at] {
            b'$' if at + 1 == bytes.len() => {
                out.push_str(r"\z");
                at += 1;
                continue;
            }
            open @ (b'(' | b')') => {
                out.push(char::from(open));
                at += 1;
                continue;
            }
            b'%' => {
                let class = *bytes.get(at + 1).ok_or(PatternError::Malformed)?;
                if class.is_ascii_digit() || class == b'b' || class == b'f' {
                    return Err(PatternError::Unsupported(format!("%{}", char::from(class))));
                }
                match class_body(class) {
                    Some(body) if class.is_ascii_uppercase() => out.push_str(&format!("[^{body}]")),
                    Some(body) => out.push_str(&format!("[{body}]")),
                    None => push_byte(&mut out, class),
                }
                at += 2;
            }
            b'[' => at = translate_set(bytes, at, &mut out)?,
            b'.' => {
                out.push('.');
                at += 1;
            }
            byte => {
                push_byte(&mut out, byte);
                at += 1;
            }
        }
        // A quantifier binds to the single item before it; `-` is the lazy star.
        match bytes.get(at) {
            Some(b'-') => out.push_str("*?"),
            Some(&quantifier @ (b'*' | b'+' | b'?')) => out.push(char::from(quantifier)),
            _ => continue,
        }
        at += 1;
    }
    Ok(out)
}

fn translate_set(bytes: &[u8], open: usize, out: &mut String) -> Result<usize, PatternError> {
    out.push('[');
    let mut at = open + 1;
    if bytes.get(at) == Some(&b'^') {
        out.push('^');
        at += 1;
    }
    let first = at;
    loop {
        let byte = *bytes.get(at).ok_or(PatternError::Malformed)?;
        match byte {
            b']' if at > first => {
                out.push(']');
                return Ok(at + 1);
            }
            b'%' => {
                let class = *bytes.get(at + 1).ok_or(PatternError::Malformed)?;
                match class_body(class) {
                    Some(body) if class.is_ascii_uppercase() => out.push_str(&format!("[^{body}]")),
                    Some(body) => out.push_str(body),
                    None => push_byte(out, class),
                }
                at += 2;
            }
            _ if bytes.get(at + 1) == Some(&b'-') && bytes.get(at + 2).is_some_and(|end| *end != b']') => {
                push_byte(out, byte);
                out.push('-');
                push_byte(out, bytes[at + 2]);
                at += 3;
            }
            _ => {
                push_byte(out, byte);
                at += 1;
            }
        }
    }
}

/// Returns the inside of a bracket for a Lua class letter (either case), in the C locale.
fn class_body(class: u8) -> Option<&'static str> {
    Some(match class.to_ascii_lowercase() {
        b'a' => "A-Za-z",
        b'c' => r"\x00-\x1f\x7f",
        b'd' => "0-9",
        b'l' => "a-z",
        b'p' => r"!-/:-@\[-`{-~",
        b's' => r"\t-\r ",
        b'u' => "A-Z",
        b'w' => "A-Za-z0-9",
        b'x' => "A-Fa-f0-9",
        _ => return None,
    })
}

fn push_byte(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!(r"\x{byte:02x}"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_lua_does() {
        for (pattern, text, want) in [
            ("^%u+$", "GET", true),
            ("^%u+$", "GeT", false),
            ("^%u+$", "GET\n", false),
            ("//", "/a//b", true),
            ("^[^*]*%*?[^*]*$", "*.a", true),
            ("^[^*]*%*?[^*]*$", "*.*", false),
            ("%.%*$", "a.*", true),
            ("^[a-z][a-z%d-]-[a-z%d]+$", "my-env", true),
            ("^[a-z][a-z%d-]-[a-z%d]+$", "My", false),
            ("[]]", "]", true),
            ("[%a_-]", "-", true),
            ("^.$", "ü", false),
            ("^[%D]+$", "abc", true),
            ("^%d+[%.%d]*$", "1.2.3", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(text), want, "{pattern} ~ {text}");
        }
    }

    #[test]
    fn refuses_what_is_not_regular() {
        for pattern in ["%b()", "%f[a]", "(a)%1", "%", "[a"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
