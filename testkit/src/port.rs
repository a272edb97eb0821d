//! Ports that a process started by a test will listen on.
//!
//! Port 0 is better wherever the listener is ours; a gateway that is told its ports needs them chosen beforehand.

use std::fs::File;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

/// Below the range from which the kernel takes ports for outgoing connections.
const FIRST: u16 = 12_000;
const COUNT: u16 = 7_000;

/// A port that nobody else has until this value is dropped.
///
/// The claim is a locked file, so that tests in other processes see it; nothing listens yet.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _claim: File,
}

impl Port {
    /// Claims a free port.
    ///
    /// # Errors
    /// If none of the range is free, or the folder of claims cannot be written.
    pub fn claim() -> anyhow::Result<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let claims = std::env::temp_dir().join("gibbon-test-ports");
        std::fs::create_dir_all(&claims)?;
        // Processes begin at different places, which saves most of the tries.
        let start = std::process::id().wrapping_mul(131);
        for _ in 0..COUNT {
            let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let number = FIRST + u16::try_from(start.wrapping_add(step) % u32::from(COUNT))?;
            let claim = File::create(claims.join(number.to_string()))?;
            if claim.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _claim: claim });
            }
        }
        anyhow::bail!("no port from {FIRST} to {} is free", FIRST + COUNT)
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}
