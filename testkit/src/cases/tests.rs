//! Tables over reading and comparing; running is tested by the cases of the plugins.

use serde_json::json;

use super::compare::differences;
use super::compare::matches;
use super::format::read;

#[test]
fn tokens_match_their_kind() {
    for (pattern, text, want) in [
        ("<any>", "x", true),
        ("<any>", "", false),
        ("<int>", "42", true),
        ("<int>", "4x", false),
        ("a <int> b", "a 7 b", true),
        ("<int><int>", "7", false),
        ("1.1 <server>", "1.1 gibbon/0.1.0", true),
        ("<server>", "nginx/1.2.3", false),
        ("<uuid>", "6f1a3a5e-0000-4000-8000-00000000beef", true),
        ("<uuid>", "6f1a3a5e", false),
        ("<request-id>", "0123456789abcdef0123456789abcdef", true),
        ("<float>", "1.5", true),
        ("<date>", "Sun, 06 Nov 1994 08:49:37 GMT", true),
        ("127.0.0.1:<port:ECHO>", "127.0.0.1:8080", true),
        ("<b>bold</b>", "<b>bold</b>", true),
        ("äö", "äö", true),
    ] {
        assert_eq!(matches(pattern, text), want, "{pattern} ~ {text}");
    }
}

#[test]
fn expectations_are_subsets() {
    for (expected, actual, want) in [
        (json!({"a": 1}), json!({"a": 1, "b": 2}), true),
        (json!({"a": 1}), json!({"a": 2}), false),
        (json!({"a": null}), json!({}), true),
        (json!({"a": null}), json!({"a": "x"}), false),
        (json!({"a": "<any>"}), json!({}), false),
        (json!({"a": "<int>"}), json!({"a": 5}), true),
        (json!({"a": 5}), json!({"a": "5"}), true),
        (json!({"a": [1]}), json!({"a": [1, 2]}), false),
        (json!({"a": [{"b": 1}]}), json!({"a": [{"b": 1, "c": 2}]}), true),
    ] {
        assert_eq!(differences("x", &expected, &actual).is_empty(), want, "{expected} ~ {actual}");
    }
}

#[test]
fn blocks_are_read_with_their_places() {
    let text = "# P\n\n```yaml\nx: 1\n```\n\n```case\nsteps:\n- send: {path: '/${ECHO}/${token}'}\n  expect: {status: 200}\n```\n";
    let cases = read("p.md", text, &[("ECHO", "9".to_owned())]).expect("one case");
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].place.as_str(), cases[0].title.as_str()), ("p.md:7", "P"));
    assert_eq!(cases[0].steps[0].send.path.as_deref(), Some("/9/${token}"));
}

#[test]
fn mistakes_are_refused() {
    for text in [
        "```case\ntitle: t\nsteps:\n- send: {}\n  expct: {}\n```\n",
        "```case\ntitle: t\nsteps: []\n```\n",
        "```case\ntitle: t\nsteps:\n- send: {}\n",
    ] {
        assert!(read("p.md", text, &[]).is_err(), "{text}");
    }
}
