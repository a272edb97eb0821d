//! Runs the cases that stand in the plugins' READMEs against the built gateway.
//!
//! `CASES=key_auth` runs those whose path or title contains the word.

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Context;
use gibbon_testkit::cases;
use gibbon_testkit::cases::Case;
use gibbon_testkit::cases::Lab;

/// Gateways at once; they mostly wait for each other's start.
const PARALLEL: usize = 4;

#[test]
fn readmes_tell_the_truth() -> anyhow::Result<()> {
    let lab = Lab::open(env!("CARGO_BIN_EXE_gibbon"))?;
    let wanted = std::env::var("CASES").unwrap_or_default();
    let mut queue = VecDeque::new();
    for path in readmes()? {
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        queue.extend(cases::read(&path.display().to_string(), &text, &lab.names())?);
    }
    queue.retain(|case: &Case| case.place.contains(&wanted) || case.title.contains(&wanted));
    assert!(!queue.is_empty(), "no README has a case");

    let queue = Mutex::new(queue);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                while let Some(case) = next(&queue) {
                    if let Err(error) = lab.run(&case) {
                        failures.lock().expect("invariant: no thread panics with the lock").push(format!("{error:#}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner()?;
    assert!(failures.is_empty(), "{} cases fail:\n\n{}", failures.len(), failures.join("\n\n"));
    Ok(())
}

fn next(queue: &Mutex<VecDeque<Case>>) -> Option<Case> {
    queue.lock().expect("invariant: no thread panics with the lock").pop_front()
}

/// READMEs of plugin folders: `crates/*/src/*/README.md`.
fn readmes() -> anyhow::Result<Vec<PathBuf>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in crates/")?;
    let mut found = Vec::new();
    for folder in std::fs::read_dir(crates)? {
        let Ok(sources) = std::fs::read_dir(folder?.path().join("src")) else { continue };
        for source in sources {
            let readme = source?.path().join("README.md");
            if readme.is_file() {
                found.push(readme);
            }
        }
    }
    found.sort();
    Ok(found)
}
