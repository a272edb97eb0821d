//! The error log, in nginx's format: `2026/11/21 14:18:00 [warn] 4711#0: message, field: value`. Access logs are not written here, but
//! go to the same kind of [`Sink`].

use std::fmt::Write as _;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use gibbon_conf::LogLevel;
use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::prefix::Prefix;

/// Where lines go.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Nowhere.
    Off,
    /// To the end of a file, a terminal or a pipe.
    File(LogFile),
}

/// A file that lines are added to, and that may be opened again under its name.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: Arc<RwLock<File>>,
}

impl LogFile {
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = append(&path)?;
        Ok(Self { path, file: Arc::new(RwLock::new(file)) })
    }

    /// Goes on in the file that has the name now; a terminal or pipe stays.
    pub(crate) fn reopen(&self) -> anyhow::Result<()> {
        if !self.path.starts_with("/dev") {
            *self.file.write().unwrap_or_else(PoisonError::into_inner) = append(&self.path)?;
        }
        Ok(())
    }
}

fn append(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("could not open {}", path.display()))
}

impl Sink {
    /// Opens what a `*_log` property names: `off`, or a file, relative to the prefix; the name of a format may follow.
    pub(crate) fn open(value: &str, prefix: &Prefix) -> anyhow::Result<Self> {
        let name = value.split_whitespace().next().unwrap_or("off");
        if name == "off" {
            return Ok(Self::Off);
        }
        anyhow::ensure!(!name.starts_with("syslog:"), "logging to syslog is not served yet: {name}");
        Ok(Self::File(LogFile::open(prefix.path(name))?))
    }

    /// Returns the file, to be opened again.
    pub(crate) fn file(&self) -> Option<LogFile> {
        match self {
            Self::Off => None,
            Self::File(file) => Some(file.clone()),
        }
    }

    /// Writes one line, which must end in a newline, in one call, so that lines of several threads do not mix.
    pub(crate) fn write(&self, line: &[u8]) {
        if let Self::File(log) = self {
            // A full disk must not stop the gateway.
            let file = log.file.read().unwrap_or_else(PoisonError::into_inner);
            _ = (&*file).write_all(line);
        }
    }
}

/// The severity from which on the log is written; can be changed while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Threshold(Arc<AtomicU8>);

impl Threshold {
    pub(crate) fn set(&self, level: LogLevel) {
        self.0.store(level as u8, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Returns the severity in force.
    pub(crate) fn level(&self) -> LogLevel {
        LogLevel::ALL[usize::from(self.0.load(Ordering::Relaxed))]
    }

    fn admits(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == gibbon_admin::AUDIT {
            return true;
        }
        let level = self.0.load(Ordering::Relaxed);
        // What libraries tell of their work is of use only to those who debug.
        let own = metadata.target().starts_with("gibbon");
        let severity = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO if own => LogLevel::Notice,
            Level::INFO | Level::DEBUG if own || level == LogLevel::Debug as u8 => LogLevel::Info,
            _ => return own && level == LogLevel::Debug as u8,
        };
        // Gibbon has nothing to say that is worse than an error, so that levels above it still show errors.
        severity as u8 >= level.min(LogLevel::Error as u8)
    }
}

/// Sends all that is logged in this process to `sink`, from `level` on.
pub(crate) fn start(sink: Sink, level: LogLevel) -> anyhow::Result<Threshold> {
    let threshold = Threshold(Arc::new(AtomicU8::new(level as u8)));
    let log = ErrorLog { sink, threshold: threshold.clone(), pid: std::process::id() };
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log))
        .context("a log was started before")?;
    Ok(threshold)
}

struct ErrorLog {
    sink: Sink,
    threshold: Threshold,
    pid: u32,
}

impl<S: Subscriber> Layer<S> for ErrorLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.threshold.admits(metadata)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "notice",
            Level::DEBUG => "info",
            Level::TRACE => "debug",
        };
        let mut text = Text::default();
        event.record(&mut text);
        let time = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S").to_string();
        self.sink.write(format!("{time} [{level}] {}#0: {}{}\n", self.pid, text.message, text.fields).as_bytes());
    }
}

/// An event's message, and its fields as `, name: value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}: {value:?}"),
        };
    }
}
