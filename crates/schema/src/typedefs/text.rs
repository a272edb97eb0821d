//! What counts as path, URL, name, tag, header name, cookie name: Kong's rules and texts.
//! Nothing is decoded for use; the router and the client have parsers of their own.

use regex::Regex;

/// Checks a path's characters and percent encoding.
///
/// # Errors
/// Kong's message.
pub fn path(text: &str) -> Result<(), String> {
    let right = text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~/%:@!$&'()*+,;=".contains(&byte));
    if !right {
        return Err(format!("invalid path: '{text}' (characters outside of the reserved list of RFC 3986 found)"));
    }
    percent_encoding(text)
}

/// Checks that every `%` begins a `%XX`.
fn percent_encoding(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        rest = &rest[at..];
        let digits = rest.as_bytes().get(1..3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let end = rest.char_indices().nth(3).map_or(rest.len(), |(end, _)| end);
            return Err(format!("invalid url-encoded value: '{}'", &rest[..end]));
        }
        rest = &rest[3..];
    }
    Ok(())
}

/// Checks a route's path: a normalised prefix, or `~` and a regular expression.
///
/// # Errors
/// Kong's message.
pub fn router_path(text: &str) -> Result<(), String> {
    // Characters beyond RFC 3986 are the router's business; only bad percent encoding is refused either way.
    if path(text).is_err_and(|message| message.starts_with("invalid url-encoded value")) {
        return path(text);
    }
    if let Some(regex) = text.strip_prefix('~') {
        return match Regex::new(regex).map_err(|error| last_line(&error)) {
            Err(reason) if !is_beyond_us(&reason) => Err(format!(
                "invalid regex: '{regex}' (PCRE returned: pcre2_compile() failed: {} in \"{regex}\")",
                pcre(&reason)
            )),
            _ => Ok(()),
        };
    }
    let normal = normalize(text);
    if normal == text {
        return Ok(());
    }
    Err(format!("non-normalized path, consider use '{normal}' instead"))
}

/// Tells whether PCRE, which judges here, knows what our engine does not; whether it can be routed is another check.
fn is_beyond_us(reason: &str) -> bool {
    reason.starts_with("look-around") || reason.starts_with("backreferences")
}

/// Returns PCRE's words for what is wrong, where they are known.
fn pcre(reason: &str) -> &str {
    match reason {
        "unclosed group" => "missing closing parenthesis",
        "unclosed character class" => "missing terminating ] for character class",
        "unopened group" => "unmatched closing parenthesis",
        "repetition operator missing expression" => "quantifier does not follow a repeatable item",
        other => other,
    }
}

/// The engine's message ends with a line that says what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Returns a path in the form that routes match: unreserved characters decoded, dot segments resolved, slashes merged.
///
/// Source: RFC 3986 §6.2.2, with Kong's merging of slashes.
#[must_use]
pub fn normalize(path: &str) -> String {
    let decoded = decode_unreserved(path);
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = decoded.as_str();
    while !rest.is_empty() {
        match rest {
            "/." => rest = "/",
            "/.." => {
                segments.pop();
                rest = "/";
            }
            "." | ".." => rest = "",
            _ if rest.starts_with("../") => rest = &rest[3..],
            _ if rest.starts_with("./") || rest.starts_with("/./") => rest = &rest[2..],
            _ if rest.starts_with("/../") => {
                segments.pop();
                rest = &rest[3..];
            }
            _ if rest.starts_with("//") => rest = &rest[1..],
            _ => {
                let end =
                    rest.char_indices().skip(1).find(|(_, letter)| *letter == '/').map_or(rest.len(), |(at, _)| at);
                segments.push(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    segments.concat()
}

fn decode_unreserved(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = path.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(byte) if is_reserved(byte) => {
                out.extend(bytes[at..at + 3].to_ascii_uppercase());
                at += 3;
            }
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Characters whose percent encoding means something (RFC 3986 §2.2, and `%`).
fn is_reserved(byte: u8) -> bool {
    b"!#$%&'()*+,/:;=?@[]".contains(&byte)
}

/// Checks a URL with scheme and host.
///
/// # Errors
/// Kong's message.
pub fn url(text: &str) -> Result<(), String> {
    let parts = Url::parse(text);
    if parts.host.is_none() {
        return Err("missing host in url".to_owned());
    }
    if parts.scheme.is_none() {
        return Err("missing scheme in url".to_owned());
    }
    Ok(())
}

/// A URL taken apart the way Kong's library does it, lenient on purpose: what is not there is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// Before `:`, as written.
    pub scheme: Option<String>,
    /// User name and password before `@`.
    pub userinfo: Option<String>,
    /// The host, IPv6 without brackets.
    pub host: Option<String>,
    /// The port's text after the host.
    pub port: Option<String>,
    /// The path, with its slash.
    pub path: Option<String>,
    /// After `?`.
    pub query: Option<String>,
    /// After `#`.
    pub fragment: Option<String>,
}

impl Url {
    /// Takes a URL apart; every text can be.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut url = Self::default();
        let mut rest = text;
        if let Some((before, fragment)) = rest.split_once('#') {
            url.fragment = Some(fragment.to_owned());
            rest = before;
        }
        if let Some((scheme, after)) = rest.split_once(':') {
            let letters = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
            if letters && !scheme.is_empty() {
                url.scheme = Some(scheme.to_owned());
                rest = after;
            }
        }
        let mut authority = None;
        if let Some(after) = rest.strip_prefix("//") {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            authority = Some(&after[..end]);
            rest = &after[end..];
        }
        if let Some((before, query)) = rest.split_once('?') {
            url.query = Some(query.to_owned());
            rest = before;
        }
        if !rest.is_empty() {
            url.path = Some(rest.to_owned());
        }
        if let Some(authority) = authority {
            url.parse_authority(authority);
        }
        url
    }

    fn parse_authority(&mut self, authority: &str) {
        let mut rest = authority;
        if let Some((userinfo, after)) = rest.split_once('@') {
            self.userinfo = Some(userinfo.to_owned());
            rest = after;
        }
        if let Some((before, port)) = rest.rsplit_once(':')
            && !port.contains(']')
        {
            self.port = Some(port.to_owned()).filter(|port| !port.is_empty());
            rest = before;
        }
        if !rest.is_empty() {
            let bare = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(rest);
            self.host = Some(bare.to_owned());
        }
    }
}

/// Checks a tag: printable ASCII but `,` and `/`, or other UTF-8.
///
/// # Errors
/// Kong's message.
pub fn tag(text: &str) -> Result<(), String> {
    let right = |byte: u8| matches!(byte, b' '..=b'+' | b'-' | b'.' | b'0'..=b'~' | 128..=244);
    if !text.is_empty() && text.bytes().all(right) {
        return Ok(());
    }
    Err(format!("invalid tag '{text}': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"))
}

/// Checks a name: letters, digits and `. - _ ~`.
///
/// # Errors
/// Kong's message.
pub fn name(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte)) {
        return Ok(());
    }
    Err(format!("invalid value '{text}': it must only contain alphanumeric and '., -, _, ~' characters"))
}

/// Checks a name: letters, digits and `. - _ ~`, or UTF-8 beyond ASCII.
///
/// # Errors
/// Kong's message.
pub fn utf8_name(text: &str) -> Result<(), String> {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) || (128..=244).contains(&byte);
    if !text.is_empty() && text.bytes().all(right) {
        return Ok(());
    }
    Err(format!("invalid value '{text}': the only accepted ascii characters are alphanumerics or ., -, _, and ~"))
}

/// Checks a header name: letters, digits, `_` and `-`.
///
/// # Errors
/// Kong's message.
pub fn header_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("no header name provided".to_owned());
    }
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Ok(());
    }
    Err(format!("bad header name '{text}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"))
}

/// Checks a cookie name: a token of RFC 2616 §2.2.
///
/// # Errors
/// Kong's message.
pub fn cookie_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("no token provided".to_owned());
    }
    let separator = |byte: u8| b"()<>@,;:\\\"/?={}[]".contains(&byte);
    if text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && !separator(byte)) {
        return Ok(());
    }
    Err("contains one or more invalid characters. ASCII control characters (0-31;127), space, tab and the \
         characters ()<>@,;:\\\"/?={}[] are not allowed."
        .to_owned())
}
