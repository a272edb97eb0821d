//! Threads that read a large configuration: both halves at once, and no more of the processors than is to spare.

use std::thread;

use gibbon_model::declarative::Join;
use rustix::process::setpriority_process;

/// What else the process does while a configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// It serves requests, which go first.
    Traffic,
    /// Nothing.
    Nothing,
}

/// How much requests go before reading (nice): a tenth of a processor is left to it where they want all.
const NICE: i32 = 10;

impl Beside {
    /// Returns how two halves are read.
    pub fn join(self) -> Join {
        match self {
            Self::Traffic => |one, other| {
                thread::scope(|scope| {
                    scope.spawn(|| leisurely(one));
                    scope.spawn(|| leisurely(other));
                });
            },
            Self::Nothing => |one, other| {
                thread::scope(|scope| {
                    scope.spawn(other);
                    one();
                });
            },
        }
    }
}

/// Does work on a thread that ends after it: what made itself nicer cannot take that back.
fn leisurely(work: &mut (dyn FnMut() + Send)) {
    // For Linux this is the calling thread alone. Everybody may be nicer; where that is forbidden all the same, the work
    // is done as before.
    let _ = setpriority_process(None, NICE);
    work();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nice() -> i32 {
        rustix::process::getpriority_process(None).unwrap_or(i32::MAX)
    }

    #[test]
    fn only_what_is_read_beside_traffic_gives_way() {
        let own = nice();
        for (beside, want) in [(Beside::Traffic, NICE), (Beside::Nothing, own)] {
            let (mut one, mut other) = (None, None);
            beside.join()(&mut || one = Some(nice()), &mut || other = Some(nice()));
            assert_eq!((one, other), (Some(want), Some(want)), "{beside:?}");
        }
        assert_eq!(nice(), own, "the thread that asked is as it was");
    }
}
