//! The signals that a node obeys; nginx's, so that tools that signal Kong's master work.

use tokio::signal::unix::Signal as Stream;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// TERM, INT: end at once.
    Stop,
    /// QUIT: answer what was begun, then end.
    Quit,
    /// HUP: read the configuration again.
    Reload,
    /// USR1: open the log files again, which were moved away.
    Reopen,
}

/// Sent when a file may not grow, and deadly unless somebody listens; then the write fails, which is dealt with.
const FILE_TOO_LARGE: i32 = rustix::process::Signal::XFSZ.as_raw();

pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    quit: Stream,
    hang_up: Stream,
    user: Stream,
    _file_too_large: Stream,
}

impl Signals {
    /// Starts to listen; from here on no signal of these ends the process by itself.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            _file_too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE))?,
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.hang_up.recv() => Signal::Reload,
            _ = self.user.recv() => Signal::Reopen,
        }
    }
}
