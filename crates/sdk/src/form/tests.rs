//! Bodies as arguments, from what Kong was recorded to accept.
#![allow(clippy::unwrap_used)]

use super::{Form, Found};

#[test]
fn finds_arguments_by_content_type() {
    let text = |value: &str| Found::Text(value.as_bytes().to_vec());
    for (content_type, body, want) in [
        ("application/x-www-form-urlencoded", "k=v&a=b", text("v")),
        ("application/x-www-form-urlencoded; charset=utf-8", "k=v", text("v")),
        ("application/x-www-form-urlencoded", "k=v&k=w", Found::Several),
        ("application/x-www-form-urlencoded", "a=b", Found::Nothing),
        ("application/json", r#"{"k":"v"}"#, text("v")),
        ("application/json", r#"{"k":["v"]}"#, Found::Several),
        ("application/json", r#"{"k":42}"#, Found::Nothing),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nv\r\n--b--\r\n",
            text("v"),
        ),
        (
            "multipart/form-data; boundary=\"b\"",
            "--b\nContent-Disposition: form-data; name=\"k\"\n\nv\n--b--\n",
            text("v"),
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=k\r\n\r\nv\r\n--b--\r\n",
            Found::Nothing,
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nv\r\n",
            text("v\r\n"),
        ),
    ] {
        let form = Form::parse(content_type.as_bytes(), body.as_bytes()).unwrap();
        assert_eq!(form.find("k"), want, "{content_type} {body:?}");
    }
    for (content_type, body) in [
        ("text/plain", "k=v"),
        ("application/vnd.api+json", r#"{"k":"v"}"#),
        ("application/json", r#"{"k":"#),
        ("application/json", r#"["k"]"#),
        ("multipart/form-data", "--b\r\n"),
    ] {
        assert_eq!(Form::parse(content_type.as_bytes(), body.as_bytes()), None, "{content_type} {body:?}");
    }
}

#[test]
fn writes_what_is_left_after_a_removal() {
    for (content_type, body, want) in [
        ("application/x-www-form-urlencoded", "k=v&a=b&k=w", "a=b"),
        ("application/json", r#"{"k":"v","a":1}"#, r#"{"a":1}"#),
        (
            "multipart/form-data; boundary=X",
            "--X\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nv\r\n--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--X--\r\n",
            "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--X--\r\n",
        ),
    ] {
        let mut form = Form::parse(content_type.as_bytes(), body.as_bytes()).unwrap();
        assert!(form.remove("k"));
        assert!(!form.remove("k"));
        assert_eq!(String::from_utf8(form.encode()).unwrap(), want);
    }
}
