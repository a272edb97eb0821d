//! How a command ends: what it prints where, and its exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::Args;

/// What is left to say when a command has ended.
#[derive(Default)]
pub(crate) struct Outcome {
    last_lines: Vec<String>,
}

/// An error that was printed already, or that has its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) u8);

impl Outcome {
    /// Prints `line` on standard output: at once on a terminal, else as the last.
    ///
    /// Kong makes the prefix in a process of its own, whose output reaches a pipe only when that process ends.
    pub(crate) fn aside(&mut self, line: String) {
        if std::io::stdout().is_terminal() {
            println!("{line}");
        } else {
            self.last_lines.push(line);
        }
    }

    /// Prints what is left, and the error with a hint as Kong does.
    pub(crate) fn end(self, result: anyhow::Result<()>, args: &Args) -> ExitCode {
        for line in &self.last_lines {
            println!("{line}");
        }
        let Err(error) = result else { return ExitCode::SUCCESS };
        if let Some(Exit(code)) = error.downcast_ref() {
            return ExitCode::from(*code);
        }
        if args.verbose || args.debug {
            eprintln!("Error: {error:?}");
        } else {
            eprintln!("Error: {error}\n\n  Run with --v (verbose) or --vv (debug) for more details");
        }
        ExitCode::FAILURE
    }
}

/// Prints a line with the time and `[error]`, as Kong's commands log.
pub(crate) fn log_error(text: &str) {
    eprintln!("{} [error] {text}", jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S"));
}
