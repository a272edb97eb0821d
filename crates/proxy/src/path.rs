//! The path that the upstream is asked for: the service's path joined with the request's, less what the route's path
//! matched if that is stripped. Kong's `path_handling` v0, the only one in this flavour.

use gibbon_http::path::escape_into;

/// Whether the part of the path that the route matched is sent upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// It is left out (`strip_path`).
    Strip,
    /// It is sent.
    Keep,
}

/// Appends the escaped path to ask the upstream for.
///
/// `path` is the normal form of the request's path, `length` how much of it the route's path matched (none for routes
/// without paths), `base` the service's path. The outcome is empty if both are. Follows kong/router/utils.lua; pinned
/// by `golden.json`.
pub fn join_into(out: &mut Vec<u8>, base: Option<&str>, path: &[u8], matched: Matched, length: Option<usize>) {
    let base = base.filter(|base| !base.is_empty()).unwrap_or("/").as_bytes();
    let open = base.strip_suffix(b"/");
    let (base, rest): (&[u8], &[u8]) = match matched {
        Matched::Strip => {
            // A route without paths strips the first slash.
            let rest = settle(path.get(length.unwrap_or(1)..).unwrap_or_default());
            let slash = path.ends_with(b"/");
            match (open, rest) {
                (Some(b""), b"") => (b"/", b""),
                (Some(_), b"") if slash => (base, b""),
                (Some(open), b"") => (open, b""),
                (None, b"") if slash && path.len() > 1 => (base, b"/"),
                (None, b"") => (base, b""),
                (Some(open), [b'/', ..]) => (open, rest),
                (None, [b'/', ..]) | (Some(_), _) => (base, rest),
                (None, _) => {
                    escape_into(out, base);
                    (b"/", rest)
                }
            }
        }
        Matched::Keep => match open {
            Some(_) => (base, path.get(1..).unwrap_or_default()),
            None if path == b"/" => (base, b""),
            None => (base, path),
        },
    };
    escape_into(out, base);
    escape_into(out, rest);
}

/// Takes away a dot segment that stripping has laid bare at the start.
fn settle(rest: &[u8]) -> &[u8] {
    match rest {
        b"." | b".." => b"",
        _ => rest.strip_prefix(b"./").or_else(|| rest.strip_prefix(b"../")).unwrap_or(rest),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn join(base: &str, path: &str, matched: Matched, length: Option<usize>) -> String {
        let mut out = Vec::new();
        join_into(&mut out, Some(base), path.as_bytes(), matched, length);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn joins_as_kong_did() {
        let golden: Vec<serde_json::Value> = serde_json::from_str(include_str!("path_golden.json")).unwrap();
        assert_eq!(golden.len(), 120);
        for row in golden {
            let text = |name: &str| row[name].as_str().unwrap();
            let matched = if row["strip_path"].as_bool().unwrap() { Matched::Strip } else { Matched::Keep };
            let got = join(text("service_path"), text("request"), matched, Some(text("route_path").len()));
            assert_eq!(got, text("v0"), "{row}");
        }
    }

    #[test]
    fn settles_dots_and_strips_the_first_slash_of_routes_without_paths() {
        for (base, path, length, want) in [
            ("/", "/a./x", Some(2), "/x"),
            ("/b", "/a../x", Some(2), "/b/x"),
            ("/b", "/a..", Some(2), "/b"),
            ("/b/", "/x/y", None, "/b/x/y"),
            ("/b", "/", None, "/b"),
            ("", "/x y", None, "/x%20y"),
        ] {
            assert_eq!(join(base, path, Matched::Strip, length), want, "{base} {path}");
        }
    }
}
