//! How much memory the process takes and could have, as Linux tells it; elsewhere nothing is known.

use std::fs;
use std::path::Path;

/// Returns the bytes of memory that the process takes.
pub fn resident() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Returns the bytes that the process may have: the least of its control groups' limits and the machine's memory.
pub fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemTotal:"));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    machine.into_iter().chain(groups.lines().flat_map(limits)).min()
}

/// Returns the limits on the way from a control group, a line of `/proc/self/cgroup`, up to the root.
fn limits(group: &str) -> Vec<u64> {
    let mut parts = group.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("/"));
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return Vec::new(),
    };
    // In a container the path may be the host's, and only the root can be seen.
    let groups = Path::new(path.trim_start_matches('/')).ancestors();
    let files = groups.map(|group| Path::new(root).join(group).join(file));
    // Version 2 says `max` for none, version 1 an enormous number.
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).collect()
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        assert_eq!(kilobytes("VmPeak:\t 5 kB\nVmRSS:\t  123 kB\n", "VmRSS:"), Some(123 * 1024));
        assert_eq!(kilobytes("VmRSS:\tlots\n", "VmRSS:"), None);
        if cfg!(target_os = "linux") {
            let (resident, available) = (resident(), available());
            assert!(resident > Some(100_000) && resident < available, "{resident:?} of {available:?}");
        }
    }
}
