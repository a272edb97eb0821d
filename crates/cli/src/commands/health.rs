//! `gibbon health`: says whether the node of a prefix runs.

use super::existing;

pub(super) fn execute(prefix: Option<&str>) -> anyhow::Result<()> {
    let prefix = existing(prefix)?;
    let running = prefix.running().is_some();
    if prefix.env_file().exists() {
        // Tools read this line; the process is called so as Kong calls it.
        println!("nginx.......{}", if running { "running" } else { "not running" });
    }
    anyhow::ensure!(running, "Kong is not running at {}", prefix.display());
    println!("\nKong is healthy at {}", prefix.display());
    Ok(())
}
