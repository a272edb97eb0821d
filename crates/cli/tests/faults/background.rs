//! A node in the background, as `gibbon start` leaves it: its process is not the test's child.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Gateway;
use gibbon_testkit::eventually;
use gibbon_testkit::gateway::Setup;

use crate::setting::GIBBON;

/// A node that was started; it is stopped when this is dropped.
pub(crate) struct Background {
    /// Its ports, its folder, its commands. The process is another.
    pub(crate) gateway: Gateway,
}

impl Background {
    /// Runs `gibbon start`.
    pub(crate) fn start(setup: Setup) -> anyhow::Result<Self> {
        let background = Self { gateway: setup.prepare()? };
        background.gateway.run(&["start"])?;
        Ok(background)
    }

    fn prefix(&self) -> PathBuf {
        self.gateway.folder().join("prefix")
    }

    /// The number of the node's process.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        let file = self.prefix().join("pids/nginx.pid");
        Ok(std::fs::read_to_string(file)?.trim().parse()?)
    }

    /// What the node has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.prefix().join("logs/error.log")).unwrap_or_default()
    }

    /// `gibbon stop` or `gibbon quit`, which take no configuration. Begins, and returns what can be waited for.
    pub(crate) fn ending(&self, words: &[&str]) -> Command {
        let mut command = Command::new(GIBBON);
        command.args(words).arg("-p").arg(self.prefix()).env_clear().stdout(std::process::Stdio::null());
        command
    }

    /// Waits until a process has ended; returns how long that took.
    pub(crate) fn wait_for_end(&self, pid: u32) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let stat = format!("/proc/{pid}/stat");
        // A zombie has ended, although nobody has asked for its status.
        let is_over = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")).then_some(());
        eventually(Duration::from_secs(30), is_over)
            .with_context(|| format!("process {pid} does not end:\n{}", self.log()))?;
        Ok(begun.elapsed())
    }

    /// Sets a property for the next start.
    pub(crate) fn set(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let path = self.gateway.folder().join("kong.conf");
        let conf = std::fs::read_to_string(&path)?;
        let kept: String =
            conf.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect();
        std::fs::write(path, format!("{kept}{name} = {value}\n"))?;
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A node that has ended cannot be stopped, which is as good.
        self.ending(&["stop"]).stderr(std::process::Stdio::null()).status().ok();
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let done = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status()?;
    ensure!(done.success(), "kill -{name} {pid}: {done}");
    Ok(())
}
