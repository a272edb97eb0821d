//! The file format: `name = value` lines, comments, lines continued by a backslash. It knows no property.

/// Reads the lines of a configuration file; a later line wins over an earlier one of the same name.
///
/// Lines without `=` or without a name are ignored, as are all lines below a `[section]` header: Kong's reader puts those into a
/// table of that name, where nothing looks for them. Source: penlight's `pl.config`, kong 3.10 `conf_loader`.
pub(crate) fn read(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in lines(text) {
        let line = line.trim();
        if line.starts_with('#') || line.starts_with(';') {
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            break;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if !name.is_empty() {
            found.push((variable(name), strip_comment(value).trim().to_owned()));
        }
    }
    found
}

/// The lines, those that end in a backslash joined with their next.
fn lines(text: &str) -> Vec<String> {
    let mut joined = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let mut line = open.take().unwrap_or_default() + line;
        if line.ends_with('\\') {
            line.pop();
            open = Some(line);
        } else {
            joined.push(line);
        }
    }
    joined.extend(open);
    joined
}

/// Turns a name into an identifier, as penlight does.
fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// Cuts at the first `#` that no backslash precedes, and takes the backslashes of the others away.
fn strip_comment(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c != '#' {
            out.push(c);
        } else if out.ends_with('\\') {
            out.pop();
            out.push('#');
        } else {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines() {
        let text = "# c\n\n  router_flavor = traditional  # d\nnot a property\n= x\npg_password = a\\#b # c\nheaders = a, \\\nb\n[s]\nx = 1\n";
        let want = [("router_flavor", "traditional"), ("pg_password", "a#b"), ("headers", "a, b")];
        assert_eq!(read(text), want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
