//! A gateway from declarative documents in memory, over real sockets: what passes through, and what it answers itself.

use gibbon_testkit::client::Request;
use gibbon_testkit::client::send;
use gibbon_testkit::upstream::Reaction;
use gibbon_testkit::upstream::Upstream;

use gibbon_proxy::testing::Node;
use gibbon_proxy::testing::With;

/// Starts an upstream that answers with the target it saw and the headers whose names begin with `prefix`.
fn mirror(prefix: &'static str) -> anyhow::Result<Upstream> {
    Upstream::start(move |received| {
        let mut text = format!("{} {}\n", received.method, received.target);
        for (name, value) in received.headers.iter().filter(|(name, _)| name.to_lowercase().starts_with(prefix)) {
            text.push_str(&format!("{}: {value}\n", name.to_lowercase()));
        }
        Reaction::ok(&text)
    })
}

#[test]
fn plain_requests_pass() -> anyhow::Result<()> {
    let upstream = mirror("host")?;
    let port = upstream.port();
    let declarative = format!(
        "_format_version: '3.0'\nservices: [{{name: s, url: 'http://127.0.0.1:{port}/base', routes: [{{name: r, paths: [/p]}}]}}]"
    );
    let node = Node::start(&declarative, With::default())?;
    for _ in 0..3 {
        let answer = send(node.port(), &Request::new("GET", "/p/x%20y?a=b"))?;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text(), format!("GET /base/x%20y?a=b\nhost: 127.0.0.1:{port}\n"));
        assert_eq!(answer.header("via"), Some("1.1 gibbon/0.1.0"));
        assert_eq!(answer.header("x-kong-request-id").map(str::len), Some(32));
        assert!(answer.header("x-kong-upstream-latency").is_some());
    }
    Ok(())
}

#[test]
fn nothing_matches() -> anyhow::Result<()> {
    let node = Node::start("_format_version: '3.0'", With::default())?;
    let answer = send(node.port(), &Request::new("GET", "/"))?;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()?["message"], "no Route matched with those values");
    assert_eq!(answer.header("server"), Some("gibbon/0.1.0"));
    assert!(answer.header("via").is_none());
    Ok(())
}
