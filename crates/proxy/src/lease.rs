//! The memory that a request works in, lent to it by its worker and used again: after warm-up plain requests allocate
//! nothing.

use std::cell::RefCell;

use gibbon_sdk::Request;
use gibbon_sdk::Response;
use gibbon_sdk::Slots;
use gibbon_sdk::UpstreamPlan;

/// So many are kept for reuse on a worker.
const KEPT: usize = 1024;

/// What a request works in.
#[derive(Default)]
pub(crate) struct Lease {
    pub(crate) request: Request,
    pub(crate) response: Response,
    pub(crate) plan: UpstreamPlan,
    pub(crate) slots: Slots,
}

/// Memory that waits for requests.
#[derive(Default)]
pub(crate) struct Leases {
    #[expect(clippy::vec_box, reason = "the boxes are what is lent")]
    free: RefCell<Vec<Box<Lease>>>,
}

impl Leases {
    /// Lends memory.
    pub(crate) fn take(&self) -> Box<Lease> {
        self.free.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes memory back and empties it.
    pub(crate) fn give_back(&self, mut lease: Box<Lease>) {
        lease.request.clear();
        lease.response.clear();
        lease.plan.clear();
        lease.slots.clear();
        let mut free = self.free.borrow_mut();
        if free.len() < KEPT {
            free.push(lease);
        }
    }
}
