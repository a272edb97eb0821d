//! The folder that a node lives in: its parts, the pid in it, the configuration it was last given. It starts and stops nothing.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use gibbon_conf::Conf;
use rustix::fs::FlockOperation;
use rustix::process::Pid;
use rustix::process::Signal;

/// A prefix.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(PathBuf);

impl Prefix {
    pub(crate) fn of(conf: &Conf) -> Self {
        Self::at(&conf.prefix)
    }

    pub(crate) fn at(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    /// Returns the path of a file in the prefix; an absolute `name` stays as it is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn display(&self) -> String {
        self.0.display().to_string()
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.exists()
    }

    /// The file that holds the number of the node's process while it runs.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.path("pids/nginx.pid")
    }

    /// The file that holds the configuration that the node was last given.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.path(".kong_env")
    }

    /// The socket on which a running node takes commands.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.path("sockets/control")
    }

    /// Makes the folder if it is missing; then the line is returned that says so.
    pub(crate) fn create(&self) -> anyhow::Result<Option<String>> {
        if self.exists() {
            anyhow::ensure!(self.0.is_dir(), "{} is not a directory", self.display());
            return Ok(None);
        }
        let said = format!("prefix directory {} not found, trying to create it", self.display());
        fs::create_dir_all(&self.0).with_context(|| format!("could not create {}", self.display()))?;
        Ok(Some(said))
    }

    /// Makes the folders in it and writes down the configuration.
    pub(crate) fn prepare(&self, conf: &Conf) -> anyhow::Result<()> {
        for name in ["logs", "pids", "ssl"] {
            fs::create_dir_all(self.path(name))
                .with_context(|| format!("could not create {name} in {}", self.display()))?;
        }
        // What speaks through these sockets may do anything with the node.
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(self.path("sockets"))?;
        let text = format!("# Written by gibbon; changes are lost.\n{}", conf.to_file());
        write_private(&self.env_file(), text.as_bytes())
    }

    /// Returns the process of the node, if one runs.
    pub(crate) fn running(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let pid = Pid::from_raw(text.trim().parse().ok().filter(|number| *number > 0)?)?;
        is_alive(pid).then_some(pid)
    }

    /// Sends the node a signal. An error, in Kong's words, if none runs.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<Pid> {
        let pid = self.running().with_context(|| format!("nginx not running in prefix: {}", self.display()))?;
        rustix::process::kill_process(pid, signal)
            .with_context(|| format!("could not signal process {}", pid.as_raw_nonzero()))?;
        Ok(pid)
    }

    /// Writes down that this process is the node; the file goes away with the guard. An error if another process is.
    pub(crate) fn take(&self) -> anyhow::Result<Taken> {
        let path = self.pid_file();
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("could not write {}", path.display()))?;
        // Of two that start at the same moment one gets the lock.
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            anyhow::bail!("Kong is already running in {}", self.display());
        }
        self.sign(file)
    }

    /// Writes down that this process is the node, as whoever holds `lock` may.
    pub(crate) fn sign(&self, lock: fs::File) -> anyhow::Result<Taken> {
        // In place: the file is the lock, and a predecessor may have written to it.
        lock.set_len(0)?;
        lock.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Taken { path: Some(self.pid_file()), lock })
    }
}

/// That this process is the node of its prefix.
pub(crate) struct Taken {
    /// Goes away with it; none once a successor has it.
    path: Option<PathBuf>,
    lock: fs::File,
}

impl Taken {
    /// Returns the lock once more, to be handed over.
    pub(crate) fn lock(&self) -> std::io::Result<fs::File> {
        self.lock.try_clone()
    }

    /// Leaves the file to a successor.
    pub(crate) fn leave(mut self) {
        self.path = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // Nothing can be done about a file that cannot be removed: its process is gone, and that is what counts.
        _ = self.path.as_ref().map(fs::remove_file);
    }
}

/// Returns whether a process runs. A zombie has ended, although it can still be signalled.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let number = pid.as_raw_nonzero();
    match fs::read_to_string(format!("/proc/{number}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => rustix::process::test_kill_process(pid).is_ok(),
    }
}

/// Writes a file that only its owner can read, in one step.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".new");
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&half)?;
    file.write_all(bytes)?;
    fs::rename(&half, path).with_context(|| format!("could not write {}", path.display()))
}
