//! The workshop's own commands: `cargo xtask tidy` checks what rustc and clippy cannot see.
//!
//! It does not build, test or publish anything; the Makefile does.

mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

commands:
  tidy            check the rules of STYLE.md and ARCHITECTURE.md that a machine can check
  tidy --update   the same, and rewrite the golden list of plugins";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let goldens = match words.as_slice() {
        ["tidy"] => tidy::Goldens::Compare,
        ["tidy", "--update"] => tidy::Goldens::Rewrite,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match tidy::run(goldens) {
        Ok(findings) if findings.is_empty() => {
            println!("tidy: nothing found");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            eprintln!("tidy: {} findings", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error:#}");
            ExitCode::FAILURE
        }
    }
}
