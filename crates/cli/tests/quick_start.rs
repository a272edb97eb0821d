//! The promise of README.md: a protected route by a few Admin calls, and the same from one file.
//!
//! What each plugin does in detail stands in the plugins' own cases.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use gibbon_testkit::Gateway;
use gibbon_testkit::client;
use gibbon_testkit::client::Request;
use gibbon_testkit::gateway::Echo;
use gibbon_testkit::gateway::Setup;

const GIBBON: &str = env!("CARGO_BIN_EXE_gibbon");

/// Runs the README's commands themselves, with this test's ports in place of the usual ones.
#[test]
fn a_protected_route_as_the_readme_says() -> anyhow::Result<()> {
    let echo = Echo::start(Path::new(GIBBON))?;
    let mut gateway = Setup::new(GIBBON).embedded().start()?;
    let commands: String = block(include_str!("../../../README.md"))
        .context("the README has no quick start")?
        .lines()
        .filter(|line| !line.contains("gibbon echo"))
        .map(|line| {
            line.replace("localhost:8001", &format!("127.0.0.1:{}", gateway.admin()))
                .replace("localhost:8000", &format!("127.0.0.1:{}", gateway.proxy()))
                .replace("127.0.0.1:9000", &format!("127.0.0.1:{}", echo.port()))
                + "\n"
        })
        .collect();
    let done = Command::new("bash").args(["-euc", &commands]).output()?;
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{commands}\n{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("HTTP/1.1 401 Unauthorized") && said.contains("HTTP/1.1 200 OK"), "{said}");
    is_protected(&gateway)?;

    gateway.kill()?;
    gateway.start()?;
    is_protected(&gateway)
}

/// The shell commands between the quick start's marks.
fn block(readme: &str) -> Option<&str> {
    let (_, rest) = readme.split_once("<!-- quick start: begin -->")?;
    let (block, _) = rest.split_once("<!-- quick start: end -->")?;
    block.trim().strip_prefix("```sh")?.strip_suffix("```")
}

#[test]
fn a_protected_route_from_one_file() -> anyhow::Result<()> {
    let echo = Echo::start(Path::new(GIBBON))?;
    let document = format!(
        r#"
_format_version: "3.0"
services:
- name: demo
  url: http://127.0.0.1:{}
  routes:
  - name: demo
    hosts: [demo.test]
    plugins:
    - name: key-auth
    - name: rate-limiting
      config: {{minute: 5, policy: local}}
consumers:
- username: ann
  keyauth_credentials:
  - key: s3cret
"#,
        echo.port()
    );
    is_protected(&Setup::new(GIBBON).declarative(&document).start()?)
}

/// Refused without the key and known with it; the sixth call of a minute is one too many.
fn is_protected(gateway: &Gateway) -> anyhow::Result<()> {
    let request = Request::new("GET", "/hello").header("Host", "demo.test");
    let refused = client::send(gateway.proxy(), &request)?;
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_eq!(refused.header("www-authenticate"), Some("Key"));
    assert_eq!(refused.json()?["message"], "No API key found in request");

    let request = request.header("apikey", "s3cret");
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let answer = client::send(gateway.proxy(), &request)?;
        if answer.status == 200 {
            let seen = answer.json()?;
            assert_eq!(seen["uri"], "/hello");
            let headers = seen["headers"].to_string().to_lowercase();
            assert!(headers.contains("x-consumer-username") && headers.contains(r#""ann""#), "{seen}");
        }
        statuses.push(answer.status);
    }
    // Twelve calls touch two minutes at most: at least two of them are over the limit of five.
    assert!(statuses.starts_with(&[200]) && statuses.contains(&429), "{statuses:?}");
    Ok(())
}
