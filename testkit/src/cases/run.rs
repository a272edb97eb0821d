//! Doing the steps of a case against a gateway of its own.
//!
//! A process for each case costs about 50 ms and keeps counters, caches and ids of one case away from the next.

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::compare;
use super::format::Case;
use super::format::Door;
use super::format::Expectations;
use super::format::Send;
use super::format::Step;
use super::format::substitute;
use crate::Answer;
use crate::Connection;
use crate::Gateway;
use crate::Port;
use crate::client::Request;
use crate::gateway::Echo;
use crate::gateway::Setup;

/// Where cases are run: the binary under test, and what stands behind it.
#[derive(Debug)]
pub struct Lab {
    binary: PathBuf,
    echo: Echo,
    /// Claimed, and nobody listens.
    dead: Port,
}

impl Lab {
    /// Starts what all cases share.
    ///
    /// # Errors
    /// If `gibbon echo` does not start.
    pub fn open(binary: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let binary = binary.into();
        Ok(Self { echo: Echo::start(&binary)?, binary, dead: Port::claim()? })
    }

    /// The names that cases may use as `${NAME}`.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, String)> {
        vec![("ECHO", self.echo.port().to_string()), ("DEAD", self.dead.number().to_string())]
    }

    /// Runs a case in a gateway of its own.
    ///
    /// # Errors
    /// With all differences of the first step that differs, and the gateway's output if it failed to answer.
    pub fn run(&self, case: &Case) -> anyhow::Result<()> {
        let mut setup = Setup::new(&self.binary);
        for (name, value) in &case.conf {
            setup = setup.property(name, value);
        }
        if let Some(config) = &case.config {
            setup = setup.declarative(&config.to_string());
        }
        let gateway = setup.start()?;
        let mut saved = Vec::new();
        for (index, step) in case.steps.iter().enumerate() {
            let name = || step.name.clone().unwrap_or_else(|| format!("step {}", index + 1));
            do_step(&gateway, step, &mut saved)
                .with_context(|| format!("{}: {}: {}", case.place, case.title, name()))?;
        }
        Ok(())
    }
}

fn do_step(gateway: &Gateway, step: &Step, saved: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    if let Some(seconds) = step.wait {
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
    let times = step.send.times.unwrap_or(1);
    let mut answers = Vec::with_capacity(times);
    for _ in 0..times {
        answers.push(seen(&patient_answer(gateway, step, saved)?));
    }
    for (name, path) in &step.save {
        let value = answers.last().and_then(|answer| dotted(answer, path));
        let value = value.with_context(|| format!("`{path}` is not in the answer {answers:?}"))?;
        saved.push((name.clone(), value));
    }
    let differences: Vec<String> = match &step.expect {
        None => Vec::new(),
        Some(Expectations::All(expected)) => answers.iter().flat_map(|answer| hold(expected, answer, saved)).collect(),
        Some(Expectations::Each(list)) => {
            ensure!(list.len() == answers.len(), "{} expectations for {} answers", list.len(), answers.len());
            list.iter().zip(&answers).flat_map(|(expected, answer)| hold(expected, answer, saved)).collect()
        }
    };
    if !differences.is_empty() {
        let last = answers.last().map(Value::to_string).unwrap_or_default();
        bail!("{}\n  the answer: {last}", differences.join("\n  "));
    }
    Ok(())
}

/// Sends until the awaited status is seen, if one is; else once.
fn patient_answer(gateway: &Gateway, step: &Step, saved: &[(String, String)]) -> anyhow::Result<Answer> {
    let start = Instant::now();
    loop {
        let answer = answer(gateway, &step.send, saved)?;
        let Some(until) = step.until else { return Ok(answer) };
        if answer.status == until.status || start.elapsed().as_secs_f64() > until.within {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn answer(gateway: &Gateway, send: &Send, saved: &[(String, String)]) -> anyhow::Result<Answer> {
    let names: Vec<(&str, String)> = saved.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let fill = |text: &str| substitute(text, &names);
    let port = match send.to {
        Door::Proxy => gateway.proxy(),
        Door::Admin => gateway.admin(),
    };
    let mut connection = match &send.source {
        Some(source) => Connection::open_from(source.parse()?, port)?,
        None => Connection::open(port)?,
    };
    let method = send.method.as_deref().unwrap_or("GET");
    if let Some(raw) = &send.raw {
        connection.send(fill(raw).as_bytes())?;
        return connection.answer(raw.split(' ').next().unwrap_or(method));
    }
    let mut request = Request::new(method, &fill(send.path.as_deref().unwrap_or("/")));
    for (name, value) in &send.headers {
        request = request.header(name, &fill(&text(value)));
    }
    if let Some(body) = &send.body {
        request.body = fill(body).into_bytes();
    } else if let Some(body) = &send.json {
        let filled = serde_json::from_str(&fill(&body.to_string()))?;
        request = request.json(&filled);
    } else if let Some(form) = &send.form {
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{}={}", percent(name), percent(&fill(&text(value))))).collect();
        request.body = pairs.join("&").into_bytes();
        request = request.header("Content-Type", "application/x-www-form-urlencoded");
    }
    connection.exchange(&request)
}

/// An answer as expectations speak of it; what the echo saw stands in `upstream`.
fn seen(answer: &Answer) -> Value {
    let body = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Value::String(answer.text()));
    let mut seen = json!({
        "status": answer.status,
        "reason": answer.reason,
        "headers": headers(answer.headers.iter().cloned()),
    });
    if is_echo(&body) {
        let mut upstream = body;
        upstream["headers"] = match upstream["headers"].take() {
            Value::Array(pairs) => {
                headers(pairs.iter().map(|pair| (text(&pair[0]).to_ascii_lowercase(), text(&pair[1]))))
            }
            Value::Object(map) => map.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            other => other,
        };
        seen["upstream"] = upstream;
    } else {
        seen["body"] = body;
    }
    seen
}

/// Whether a body is what `gibbon echo` says.
fn is_echo(body: &Value) -> bool {
    ["method", "uri", "http_version", "headers", "body"].iter().all(|key| body.get(key).is_some())
}

/// Names to values; repeated ones as a list.
fn headers(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut headers = Map::new();
    for (name, value) in pairs {
        match headers.get_mut(&name) {
            None => {
                headers.insert(name, Value::String(value));
            }
            Some(Value::Array(values)) => values.push(Value::String(value)),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Value::Object(headers)
}

fn hold(expected: &Value, answer: &Value, saved: &[(String, String)]) -> Vec<String> {
    let names: Vec<(&str, String)> = saved.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let known = ["status", "reason", "headers", "body", "upstream"];
    let mut differences: Vec<String> = expected
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| format!("`{key}` is no part of an answer"))
        .collect();
    match serde_json::from_str(&substitute(&expected.to_string(), &names)) {
        Ok(expected) => differences.extend(compare::differences("answer", &expected, answer)),
        Err(error) => differences.push(format!("saved values do not fit: {error}")),
    }
    differences
}

fn dotted(answer: &Value, path: &str) -> Option<String> {
    path.split('.').try_fold(answer, |value, part| value.get(part)).map(text)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
