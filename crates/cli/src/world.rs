//! The outside world as writes see it: the system's clock, fresh ids, the operating system's randomness.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use gibbon_schema::World;
use uuid::Uuid;

/// The world of a real node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Real;

impl World for Real {
    fn now(&self) -> f64 {
        // A clock before 1970 is wrong anyway.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn random(&self, bytes: &mut [u8]) {
        rustls::crypto::aws_lc_rs::default_provider()
            .secure_random
            .fill(bytes)
            .expect("invariant: the operating system has randomness");
    }
}
