//! Templates, and edits of every place; bodies of every type.
#![allow(clippy::unwrap_used)]

use gibbon_schema::{Value, json};
use gibbon_sdk::testing::{self, Exchange};
use gibbon_sdk::{HostHeader, Plugin, Query, Scope};

use super::{RequestTransformer, RequestTransformerFilter};

fn filter(config: &Value) -> RequestTransformerFilter {
    let mut whole = json!({});
    for edit in ["remove", "rename", "replace", "add", "append"] {
        whole[edit] = json!({ "headers": [], "body": [], "querystring": [] });
    }
    for (edit, lists) in config.as_object().unwrap() {
        match lists {
            Value::Object(lists) => whole[edit].as_object_mut().unwrap().extend(lists.clone()),
            other => whole[edit] = other.clone(),
        }
    }
    let (env, _) = testing::env(&[]);
    RequestTransformer::build(serde_json::from_value(whole).unwrap(), &env, &Scope::default()).unwrap()
}

#[test]
fn renders_templates() {
    for (template, want) in [
        ("plain", Some("plain")),
        (r#"$(headers["x-a"])"#, Some("1")),
        ("$(headers.x_a)", Some("1")),
        ("a-$(query_params.q or 'd')-$(query_params.none or \"e\")", Some("a-5-e")),
        ("$(query_params.none)", Some("")),
        (r#"$(headers["x-none"] == nil and "no" or "yes")"#, Some("no")),
        (r#"$(type(headers["x-m"]) == "table" and headers["x-m"][2] or "one")"#, Some("n")),
        (r#"$(headers["x-a"]:upper() .. ("abc"):sub(2, -1) .. 1)"#, Some("1bc1")),
        ("$(not query_params.flag)", Some("false")),
        ("$(2 > 1 and 1.5)", Some("1.5")),
        ("$(b", Some("$(b")),
        (r#"$(headers["x-none"]:upper())"#, None),
        (r#"$(string.sub("a", 1, 2))"#, None),
        ("$(headers)", None),
        ("$(os.exit())", None),
        ("$(1 +)", None),
    ] {
        let mut exchange = Exchange::get("/x?q=5&flag").header("X-A", "1").header("X-M", "m").header("X-M", "n");
        let got = exchange.access(&filter(&json!({ "add": { "headers": [format!("X-T:{template}")] } })));
        match want {
            Some(text) => assert_eq!((got, exchange.sent("X-T")), (Ok(()), Some(text)), "{template}"),
            None => assert_eq!(got.unwrap_err().status, 500, "{template}"),
        }
    }
}

#[test]
fn nests_no_deeper_than_it_can() {
    let deep = format!("$({}1{})", "(".repeat(100_000), ")".repeat(100_000));
    let reply = Exchange::get("/x").access(&filter(&json!({ "add": { "headers": [format!("X-T:{deep}")] } })));
    assert_eq!(reply.unwrap_err().status, 500);
}

#[test]
fn edits_headers() {
    for (config, want) in [
        (json!({ "remove": { "headers": ["x-a"] } }), json!({ "x-b": ["2"] })),
        (
            json!({ "rename": { "headers": ["X-A:X-C", "X-None:X-D", "X-B:x-b"] } }),
            json!({ "x-b": ["2"], "x-c": ["1", "11"] }),
        ),
        (json!({ "replace": { "headers": ["x-a:new", "X-C:new"] } }), json!({ "x-a": ["new"], "x-b": ["2"] })),
        (
            json!({ "add": { "headers": ["x-a:new", "X-C:c"] } }),
            json!({ "x-a": ["1", "11"], "x-b": ["2"], "x-c": ["c"] }),
        ),
        (
            json!({ "append": { "headers": ["X-B:new", "X-C:c", "X-C:d"] } }),
            json!({ "x-a": ["1", "11"], "x-b": ["2", "new"], "x-c": ["c", "d"] }),
        ),
    ] {
        let mut exchange = Exchange::get("/x").header("X-A", "1").header("X-B", "2").header("X-A", "11");
        exchange.access(&filter(&config)).unwrap();
        let mut got = json!({});
        for name in ["x-a", "x-b", "x-c", "x-d"] {
            let values: Vec<&str> =
                exchange.request.head.headers.get_all(name).map(|value| std::str::from_utf8(value).unwrap()).collect();
            if !values.is_empty() {
                got[name] = json!(values);
            }
        }
        assert_eq!(got, want, "{config}");
    }
    let mut host = Exchange::get("/x");
    host.access(&filter(&json!({ "replace": { "headers": ["Host:b.test"] }, "remove": { "headers": ["host"] } })))
        .unwrap();
    assert_eq!(host.upstream.host_header, HostHeader::Fixed("b.test".to_owned()));
}

#[test]
fn edits_the_query() {
    for (config, target, want) in [
        (json!({ "add": { "querystring": ["a:new", "n:x y&z"] } }), "/p?b=2&a=1", Some("a=1&b=2&n=x%20y%26z")),
        (json!({ "add": { "querystring": ["z:1"] } }), "/p?b=2&a=%41&c&&d=+x", Some("a=A&b=2&c&d=%20x&z=1")),
        (json!({ "append": { "querystring": ["a:new"] } }), "/p?a=1&a=2&b", Some("a=1&a=2&a=new&b")),
        (json!({ "append": { "querystring": ["a:new"] } }), "/p?a", Some("a=new")),
        (json!({ "replace": { "querystring": ["a:new", "n:1"] } }), "/p?a=1&a=2", Some("a=new")),
        (json!({ "rename": { "querystring": ["a:b"] } }), "/p?a=1", Some("b=1")),
        (json!({ "remove": { "querystring": ["a"] } }), "/p?a=1", None),
    ] {
        let mut exchange = Exchange::get(target);
        exchange.access(&filter(&config)).unwrap();
        assert_eq!(exchange.upstream.query, Query::Changed(want.map(Into::into)), "{config} {target}");
    }
    let mut untouched = Exchange::get("/p?b=2&a=1");
    untouched.access(&filter(&json!({}))).unwrap();
    assert_eq!(untouched.upstream.query, Query::AsReceived);
}

#[test]
fn edits_bodies() {
    let (form, json_type, multipart) =
        ("application/x-www-form-urlencoded", "Application/JSON", "multipart/form-data; boundary=b");
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let both = format!("{}{}--b--\r\n", part("a", "1"), part("c", "2"));
    for (config, content_type, body, want) in [
        (json!({ "add": { "body": ["n:x y"] } }), form, "", Some("n=x%20y".to_owned())),
        (json!({ "add": { "body": ["n:1"] } }), form, "n", None),
        (json!({ "append": { "body": ["a:2"] } }), form, "a=0&a=1", Some("a=0&a=1&a=2".to_owned())),
        (json!({ "replace": { "body": ["a:longer"] } }), form, "a=1", Some("a=longer".to_owned())),
        (
            json!({ "add": { "body": ["a:new", "n:1"] } }),
            json_type,
            r#"{"a":false}"#,
            Some(r#"{"a":"new","n":"1"}"#.to_owned()),
        ),
        (json!({ "add": { "body": ["n:1"] } }), json_type, "", Some(r#"{"n":"1"}"#.to_owned())),
        (
            json!({ "rename": { "body": ["a:m"] } }),
            json_type,
            r#"{"a":{"d":1},"b":2}"#,
            Some(r#"{"b":2,"m":{"d":1}}"#.to_owned()),
        ),
        (json!({ "append": { "body": ["a:2"] } }), json_type, r#"{"a":"1"}"#, Some(r#"{"a":["1","2"]}"#.to_owned())),
        (
            json!({ "add": { "body": ["n:1"] }, "remove": { "body": ["a"] } }),
            json_type,
            "[1, 2]",
            Some("[1,2]".to_owned()),
        ),
        (json!({ "add": { "body": ["n:1"] } }), json_type, r#"{"a":"#, None),
        (json!({ "add": { "body": ["n:1"] } }), "text/plain", "{}", None),
        (json!({ "remove": { "body": ["a"] } }), multipart, &both, Some(format!("{}--b--\r\n", part("c", "2")))),
        (
            json!({ "replace": { "body": ["a:new", "n:x"] } }),
            multipart,
            &both,
            Some(format!("{}{}--b--\r\n", part("c", "2"), part("a", "new"))),
        ),
        (json!({ "append": { "body": ["a:2"] } }), multipart, &both, None),
    ] {
        let mut exchange = Exchange::new("POST", "/x").body(content_type, body);
        exchange.access(&filter(&config)).unwrap();
        assert_eq!(exchange.upstream.body, want.map(String::into_bytes), "{config} {body}");
    }
    let large = "a=".to_owned() + &"x".repeat(20_000);
    let mut exchange = Exchange::new("POST", "/x").body(form, &large);
    exchange.access(&filter(&json!({ "add": { "body": ["n:1"] } }))).unwrap();
    assert_eq!(exchange.upstream.body, None, "a large body passes as it is");
}

#[test]
fn changes_path_and_method() {
    let mut exchange = Exchange::get("/x?q=a%20b%2Fc").header("X-A", "x y");
    exchange.access(&filter(&json!({ "replace": { "uri": "/h/$(headers[\"x-a\"])/$(query_params.q)" } }))).unwrap();
    assert_eq!(exchange.upstream.path, b"/h/x%20y/a%20b/c");
    let mut form = Exchange::new("POST", "/x?q=1").body("application/x-www-form-urlencoded", "a=1&b=x+y&q=2");
    form.access(&filter(&json!({ "http_method": "GET" }))).unwrap();
    assert_eq!(form.upstream.method.as_ref().map(|method| method.as_str()), Some("GET"));
    assert_eq!(form.upstream.query, Query::Changed(Some(b"a=1&b=x%20y&q=1&q=2".to_vec())));
}
