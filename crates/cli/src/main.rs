//! The binary `gibbon`: reads the command line, runs one command, turns its outcome into an exit code. What commands do stands in `commands`,
//! how a node is put together in `node`.

mod args;
mod certificates;
mod commands;
mod control;
mod declarative;
mod handover;
mod logging;
mod memory;
mod node;
mod outcome;
mod postgres;
mod prefix;
mod progress;
mod reference;
mod registry;
mod settings;
mod world;

use std::process::ExitCode;

use clap::Parser;

use args::Args;
use outcome::Outcome;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nothing can be said where nothing can be printed. Help counts as a failure, as with Kong.
            _ = error.print();
            return ExitCode::FAILURE;
        }
    };
    let mut outcome = Outcome::default();
    let result = commands::execute(&args.command, &mut outcome);
    outcome.end(result, &args)
}
