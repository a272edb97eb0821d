//! Rules about the text of single files: length, module docs, words that may not stay.
//!
//! It reads lines, it does not parse Rust; a rule that needs a parser belongs to clippy.

use super::Finding;
use super::Source;

/// Files longer than this hide something; aim at 150 lines, split at 400.
const MAX_LINES: usize = 600;

/// Words that may not be committed, with what to do instead. Put together so that this table does not find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "finish it, or file an issue"),
    (concat!("FIX", "ME"), "finish it, or file an issue"),
    (concat!("todo", "!("), "finish it"),
    (concat!("unimplemented", "!("), "finish it"),
    (concat!("dbg", "!("), "use tracing, or remove it"),
    (concat!("#[ig", "nore"), "a test that does not run is no test"),
    (concat!("#[should_", "panic"), "assert on an error value"),
];

/// Paths that exist on the machine of whoever wrote the file and nowhere else.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/wt"),
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/bin"),
    concat!("/wo", "rk/briefs"),
    concat!("/wo", "rk/shared"),
    concat!("/wo", "rk/targets"),
    concat!("/ro", "ot/"),
    concat!("/tmp/bash", "_jobs"),
];

/// Returns what is wrong with the texts of `files`.
pub(super) fn check(files: &[Source]) -> Vec<Finding> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = file.path.as_str();
    let rust = path.ends_with(".rs");
    let lines = file.text.lines().count();
    if rust && lines > MAX_LINES && !is_generated(&file.text) {
        findings.push(Finding::new(path, format!("{lines} lines, {MAX_LINES} are allowed: split it")));
    }
    if rust && !file.text.starts_with("//!") {
        findings.push(Finding::new(path, "begins without `//!`: say what this file is and what it does not do"));
    }
    if is_golden(path) {
        return findings;
    }
    for (index, line) in file.text.lines().enumerate() {
        let place = || format!("{path}:{}", index + 1);
        let words = FORBIDDEN.iter().filter(|(word, _)| rust && line.contains(word));
        findings.extend(words.map(|(word, advice)| Finding::new(place(), format!("`{word}`: {advice}"))));
        let paths = MACHINE_PATHS.iter().filter(|machine| line.contains(**machine));
        findings.extend(paths.map(|machine| Finding::new(place(), format!("`{machine}` is a path of one machine"))));
    }
    findings
}

/// Tables that a program wrote say so in their first lines; they are as long as they are.
fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.starts_with("//!") && line.contains("@generated"))
}

fn is_golden(path: &str) -> bool {
    path.contains("/golden/") || path.contains("/goldens/") || path == "Cargo.lock"
}
