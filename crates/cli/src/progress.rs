//! A bar on the terminal for work that takes long. Where standard error is no terminal nothing is shown: scripts see what
//! Kong prints.

use std::io::IsTerminal as _;
use std::io::Write as _;

use std::time::Duration;

use gibbon_store::Progress;

/// How often progress is looked at.
pub(crate) const PACE: Duration = Duration::from_millis(100);
/// Places of the bar.
const WIDTH: u64 = 40;

/// A line that is drawn again and again, and wiped at the end.
pub(crate) struct Bar {
    shown: bool,
}

impl Bar {
    /// Returns a bar that shows nothing yet.
    pub(crate) fn new() -> Self {
        Self { shown: false }
    }

    /// Draws so many steps of all.
    pub(crate) fn draw(&mut self, (done, all): (u64, u64)) {
        let mut output = std::io::stderr();
        if all == 0 || !output.is_terminal() {
            return;
        }
        self.shown = true;
        // A terminal that is gone is no reason to end the work.
        _ = write!(output, "\r{}", line(done, all)).and_then(|()| output.flush());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown {
            _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Does the work, and tells now and then how far it has come.
pub(crate) async fn watched<T>(
    work: impl Future<Output = T>,
    progress: &Progress,
    mut tell: impl FnMut((u64, u64)),
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(PACE, &mut work).await {
            Ok(done) => return done,
            Err(_) => tell(progress.now()),
        }
    }
}

fn line(done: u64, all: u64) -> String {
    let done = done.min(all);
    let full = (done * WIDTH / all) as usize;
    let empty = WIDTH as usize - full;
    format!("[{}{}] {done} of {all}", "=".repeat(full), " ".repeat(empty))
}

#[cfg(test)]
mod tests {
    #[test]
    fn fills_from_the_left_and_never_overflows() {
        assert_eq!(super::line(1, 2), format!("[{}{}] 1 of 2", "=".repeat(20), " ".repeat(20)));
        assert_eq!(super::line(3, 2), format!("[{}] 2 of 2", "=".repeat(40)));
    }
}
