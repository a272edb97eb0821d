//! A real PostgreSQL server for tests: Debian's, in a folder of its own, without `fsync`.
//!
//! It is not run as root, which the server refuses: root's tests run it as `postgres`. A server ends
//! with its process; folders of processes that were killed are removed by the next one.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::ensure;

use crate::Port;
use crate::eventually;

/// The user that owns everything; no password is asked for.
pub const USER: &str = "kong";

const START_LIMIT: Duration = Duration::from_secs(60);
const FOLDERS: &str = "gibbon-postgres-";

/// A server, listening on a claimed port of 127.0.0.1.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    port: Port,
    process: Option<u32>,
    /// Settings beyond those that all servers have, `name=value`.
    settings: Vec<String>,
}

impl Postgres {
    /// Returns the server that all tests of this process share.
    ///
    /// # Panics
    /// If no server can be started; the message says what is missing.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().expect("a PostgreSQL server is needed"))
    }

    /// Makes an empty cluster and starts a server on it.
    ///
    /// # Errors
    /// If there is no PostgreSQL, or it does not start.
    pub fn start() -> anyhow::Result<Self> {
        let mut server = Self::made()?;
        server.restart()?;
        Ok(server)
    }

    /// Starts a server that also speaks TLS, with this certificate and key as PEM.
    ///
    /// # Errors
    /// If there is no PostgreSQL, or it does not start.
    pub fn start_tls(certificate: &str, key: &str) -> anyhow::Result<Self> {
        let mut server = Self::made()?;
        let owner = std::fs::metadata(server.cluster())?;
        server.settings.push("ssl=on".to_owned());
        for (setting, name, text) in [("ssl_cert_file", "server.crt", certificate), ("ssl_key_file", "server.key", key)]
        {
            let path = server.folder.join(name);
            std::fs::write(&path, text)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid()))?;
            server.settings.push(format!("{setting}={}", path.display()));
        }
        server.restart()?;
        Ok(server)
    }

    /// Makes an empty cluster.
    fn made() -> anyhow::Result<Self> {
        sweep();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("{FOLDERS}{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        // The server's user makes the cluster in it.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777))?;
        let server = Self { folder, port: Port::claim()?, process: None, settings: Vec::new() };
        let made = unprivileged("initdb")?
            .args(["-D", &server.cluster(), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
            .output()
            .context("`initdb` does not run")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        Ok(server)
    }

    /// Starts the server again that was killed, and waits until it answers.
    ///
    /// # Errors
    /// If it does not answer within a minute.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = unprivileged("postgres")?;
        command
            .args(["-D", &self.cluster(), "-k", &self.folder.display().to_string()])
            .args(["-p", &self.port.number().to_string(), "-h", "127.0.0.1", "-F"])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // The server is told to end when the thread ends that started it: one that waits for it.
        let (started, told) = mpsc::sync_channel(1);
        std::thread::Builder::new().name("postgres".to_owned()).spawn(move || {
            let child = command.spawn();
            let id = child.as_ref().map(Child::id);
            _ = started.send(id.map_err(|error| error.to_string()));
            _ = child.and_then(|mut child| child.wait());
        })?;
        self.process = Some(told.recv()?.map_err(anyhow::Error::msg)?);
        let ready = eventually(START_LIMIT, || self.client("psql", &["-d", "postgres", "-c", "select 1"]).ok());
        ensure!(ready.is_some(), "PostgreSQL did not start; see {}", self.folder.join("log").display());
        Ok(())
    }

    /// Kills the server as a crash would; connections break off.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        // QUIT is the server's own crash: no checkpoint, and its processes end with it.
        if let Some(id) = self.process.take() {
            signal("QUIT", id)?;
            let gone = eventually(START_LIMIT, || (!Path::new(&format!("/proc/{id}")).exists()).then_some(()));
            ensure!(gone.is_some(), "PostgreSQL does not end");
        }
        Ok(())
    }

    /// Makes a database of a new name and returns it; a copy of `template` if one is named.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn database(&self, template: Option<&str>) -> anyhow::Result<String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut arguments = vec![name.as_str()];
        arguments.extend(template.iter().flat_map(|template| ["-T", template]));
        // Nobody may be connected to a template; who was, may still be leaving.
        let mut refused = Ok(());
        let made = eventually(START_LIMIT, || {
            refused = self.client("createdb", &arguments).map(|_| ());
            refused.is_ok().then_some(())
        });
        if made.is_none() { refused.map(|()| name) } else { Ok(name) }
    }

    /// Runs SQL in a database, and returns what comes back, unaligned and without a header.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        self.client("psql", &["-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql])
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    fn cluster(&self) -> String {
        self.folder.join("cluster").display().to_string()
    }

    fn client(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let port = self.port.number().to_string();
        let output = Command::new(binary(program)?)
            .args(["-h", "127.0.0.1", "-p", &port, "-U", USER])
            .args(arguments)
            .output()
            .with_context(|| format!("`{program}` does not run"))?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that is left behind ends with this process.
        if self.kill().is_ok() {
            _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let done = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status()?;
    ensure!(done.success(), "the process {process} cannot be signalled");
    Ok(())
}

/// Removes the folders of processes that are gone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(FOLDERS).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            // Another process may be doing the same.
            _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns where a program of PostgreSQL is: in the path, or where Debian puts servers.
fn binary(program: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    found.with_context(|| format!("there is no `{program}`: `apt-get install postgresql` brings it"))
}

/// A command that runs without root's rights, and ends when the thread ends that started it.
fn unprivileged(program: &str) -> anyhow::Result<Command> {
    let mut command = Command::new("setpriv");
    let root = std::fs::metadata("/proc/self")?.uid() == 0;
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(binary(program)?).current_dir("/");
    Ok(command)
}
