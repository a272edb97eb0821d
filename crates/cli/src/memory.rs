//! The allocator, and how memory that a large load took goes back to the system. What is allocated is nobody's business here.

use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the last users of a configuration that was replaced may need to let go of it.
const SETTLED: Duration = Duration::from_secs(1);

/// Gives memory that is free back to the system, which the allocator else does when it is asked for more.
pub(crate) fn give_back() {
    // SAFETY: it takes no pointer, and may be called at any time on any thread; it touches nothing that is in use.
    #[allow(unsafe_code, reason = "the allocator has no other way")]
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// Does so when what was replaced has been let go of.
pub(crate) fn give_back_soon() {
    tokio::spawn(async {
        tokio::time::sleep(SETTLED).await;
        // It fails when the node ends, which gives back everything.
        _ = tokio::task::spawn_blocking(give_back).await;
    });
}
