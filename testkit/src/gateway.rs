//! A gateway process under test: started on claimed ports in a folder of its own, killed when dropped.
//!
//! It is given the binary's path (tests of crate `cli` know it) and never builds anything.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use serde_json::Value;
use tempfile::TempDir;

use crate::Answer;
use crate::Port;
use crate::Postgres;
use crate::client;
use crate::client::Request;
use crate::eventually;
use crate::postgres;

/// Long, for machines on which other tests run as well.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a gateway is started with.
#[derive(Clone, Debug)]
pub struct Setup {
    binary: PathBuf,
    properties: Vec<(String, String)>,
    declarative: Option<String>,
}

impl Setup {
    /// A node without a database and without configuration.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let defaults = [
            ("database", "off"),
            ("nginx_worker_processes", "1"),
            ("log_level", "notice"),
            ("proxy_access_log", "off"),
            ("admin_access_log", "off"),
            ("admin_gui_listen", "off"),
            ("anonymous_reports", "off"),
        ];
        let properties = defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { binary: binary.into(), properties, declarative: None }
    }

    /// Sets a property of `kong.conf`; the last one counts.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.retain(|(known, _)| known != name);
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the configuration in the embedded database.
    #[must_use]
    pub fn embedded(self) -> Self {
        self.property("database", "embedded")
    }

    /// Keeps the configuration in a database of this server, which the node's own command prepares.
    #[must_use]
    pub fn postgres(self, server: &Postgres, database: &str) -> Self {
        self.property("database", "postgres")
            .property("pg_host", "127.0.0.1")
            .property("pg_port", &server.port().to_string())
            .property("pg_user", postgres::USER)
            .property("pg_database", database)
    }

    /// The declarative document (YAML or JSON) that the node starts with.
    #[must_use]
    pub fn declarative(mut self, document: &str) -> Self {
        self.declarative = Some(document.to_owned());
        self
    }

    /// Starts the node in the foreground and waits until its Admin API answers.
    ///
    /// # Errors
    /// If the process ends, or is not ready after 30 s; the error has its output.
    pub fn start(self) -> anyhow::Result<Gateway> {
        let mut gateway = self.prepare()?;
        gateway.start()?;
        Ok(gateway)
    }

    /// Writes the node's files and claims its ports, without starting it.
    ///
    /// # Errors
    /// If ports or files cannot be had.
    pub fn prepare(mut self) -> anyhow::Result<Gateway> {
        let folder = tempfile::Builder::new().prefix("gibbon-test-").tempdir()?;
        let (proxy, admin) = (Port::claim()?, Port::claim()?);
        let mut own = vec![
            ("prefix".to_owned(), folder.path().join("prefix").display().to_string()),
            ("proxy_listen".to_owned(), format!("127.0.0.1:{}", proxy.number())),
            ("admin_listen".to_owned(), format!("127.0.0.1:{}", admin.number())),
        ];
        if let Some(document) = &self.declarative {
            let path = folder.path().join("declarative.yml");
            std::fs::write(&path, document)?;
            own.push(("declarative_config".to_owned(), path.display().to_string()));
        }
        // What the test says comes last and counts.
        own.append(&mut self.properties);
        let mut conf = String::new();
        for (name, value) in &own {
            writeln!(conf, "{name} = {value}")?;
        }
        std::fs::create_dir(folder.path().join("prefix"))?;
        std::fs::write(folder.path().join("kong.conf"), conf)?;
        Ok(Gateway { binary: self.binary, folder, proxy, admin, process: None })
    }
}

/// A node, and the folder it lives in; both are gone when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    binary: PathBuf,
    folder: TempDir,
    proxy: Port,
    admin: Port,
    process: Option<Child>,
}

impl Gateway {
    /// Starts the process (again) and waits until its Admin API answers.
    ///
    /// # Errors
    /// If the process ends, or is not ready after 30 s; the error has its output.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let child = self
            .command(&["run"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.binary.display()))?;
        self.process = Some(child);
        let mut ended = None;
        let ready = eventually(START_LIMIT, || {
            ended = self.process.as_mut().and_then(|child| child.try_wait().ok().flatten());
            let status = client::send(self.admin(), &Request::new("GET", "/status")).map(|answer| answer.status);
            (ended.is_some() || status.is_ok_and(|status| status == 200)).then_some(())
        });
        if let Some(status) = ended {
            bail!("the gateway ended with {status}:\n{}", self.log());
        }
        ready.with_context(|| format!("the gateway is not ready:\n{}", self.log()))
    }

    /// Runs a command of this node.
    ///
    /// # Errors
    /// With what it printed, if it fails.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<()> {
        let done = self.command(words).output()?;
        let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        ensure!(done.status.success(), "{words:?}: {}\n{out}{error}", done.status);
        Ok(())
    }

    /// A command line of this node: the words, then `-c` and its configuration file.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(words).arg("-c").arg(self.folder.path().join("kong.conf")).current_dir(self.folder.path());
        // The environment of whoever runs the tests must not configure the gateway.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("KONG_") || name.starts_with("GIBBON_")) {
                command.env_remove(name);
            }
        }
        command
    }

    /// The port of the proxy.
    #[must_use]
    pub fn proxy(&self) -> u16 {
        self.proxy.number()
    }

    /// The port of the Admin API.
    #[must_use]
    pub fn admin(&self) -> u16 {
        self.admin.number()
    }

    /// The folder that holds `kong.conf` and `prefix/`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Everything that the process has written so far, in its error log too, if that has the usual name.
    #[must_use]
    pub fn log(&self) -> String {
        let error_log = self.folder.path().join("prefix/logs/error.log");
        let read = |path: &Path| std::fs::read(path).unwrap_or_default();
        let bytes = [read(&self.log_path()), read(&error_log)].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Calls the Admin API and returns the answer, whatever its status.
    ///
    /// # Errors
    /// If the gateway does not answer.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let request = Request::new(method, path);
        client::send(self.admin(), &body.iter().fold(request, |request, body| request.json(body)))
    }

    /// Creates something through the Admin API and returns it.
    ///
    /// # Errors
    /// If the answer is not 201.
    pub fn create(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.call("POST", path, Some(body))?;
        if answer.status != 201 {
            bail!("POST {path}: {} {}", answer.status, answer.text());
        }
        answer.json()
    }

    /// Kills the process as `kill -9` does, and waits for its end.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.process.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// If it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let child = self.process.as_mut().context("the gateway does not run")?;
        let status = eventually(limit, || child.try_wait().ok().flatten()).context("the gateway still runs")?;
        self.process = None;
        Ok(status)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("output.log")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Nothing can be done about a process that cannot be killed.
        self.kill().ok();
    }
}

/// `gibbon echo`, the upstream that answers with what it received; killed when dropped.
#[derive(Debug)]
pub struct Echo {
    port: Port,
    process: Child,
}

impl Echo {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// If the binary cannot be run, or does not answer within 30 s.
    pub fn start(binary: &Path) -> anyhow::Result<Self> {
        let port = Port::claim()?;
        let process = Command::new(binary)
            .args(["echo", "--listen", &format!("127.0.0.1:{}", port.number())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start `{}`", binary.display()))?;
        let echo = Self { port, process };
        eventually(START_LIMIT, || client::send(echo.port(), &Request::new("GET", "/")).ok())
            .context("the echo upstream does not answer")?;
        Ok(echo)
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
