//! What commands print and how they end, where no node is needed: Kong's words, Kong's exit codes.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::process::Output;

use tempfile::TempDir;

const HINT: &str = "\n\n  Run with --v (verbose) or --vv (debug) for more details\n";

/// Runs the binary in `folder` with nothing of this machine's configuration.
fn gibbon(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gibbon"));
    command.current_dir(folder).args(args).env_clear().env("HOME", folder).envs(env.iter().copied()).output().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_tells_all_that_is_wrong() {
    let folder = folder();
    for (file, env, code, said) in [
        ("database = off\n", None, 0, "configuration at a.conf is valid\n"),
        ("nope = 1\n", None, 0, "configuration at a.conf is valid\n"),
        (
            "role = boss\n",
            None,
            1,
            "[error] role has an invalid value: 'boss' (data_plane, control_plane, traditional)\n",
        ),
        ("", Some(("KONG_HEADERS", "nope")), 1, "[error] headers: invalid entry 'nope'\n"),
        (
            "role = control_plane\ndatabase = off\n",
            None,
            1,
            "[error] in-memory storage can not be used when role = \"control_plane\"\n",
        ),
    ] {
        std::fs::write(folder.path().join("a.conf"), file).unwrap();
        let output = gibbon(folder.path(), &["check", "a.conf"], env.as_slice());
        assert_eq!(output.status.code(), Some(code), "{file}");
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(printed.ends_with(said), "{file}: {printed}");
    }
}

#[test]
fn commands_without_a_node_say_what_is_missing() {
    let folder = folder();
    let here = folder.path().to_str().unwrap();
    let none = format!("{here}/none");
    for (args, said) in [
        (vec!["stop", "-p", &none], format!("Error: no such prefix: {none}")),
        (vec!["quit", "-p", &none], format!("Error: no such prefix: {none}")),
        (vec!["stop", "-p", here], format!("Error: no file at: {here}/.kong_env")),
        (vec!["health", "-p", here], format!("Error: Kong is not running at {here}")),
        (vec!["start", "-c", "none.conf"], "Error: no file at: none.conf".to_owned()),
        (vec!["vault", "get", "{vault://nope/x}"], "Error: could not find vault (nope)".to_owned()),
    ] {
        let output = gibbon(folder.path(), &args, &[]);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(text(&output.stderr), said + HINT, "{args:?}");
    }
}

#[test]
fn help_and_what_is_not_known_count_as_failures() {
    let folder = folder();
    for args in [&["help"][..], &["--help"], &["start", "--help"], &["nope"], &[]] {
        assert_eq!(gibbon(folder.path(), args, &[]).status.code(), Some(1), "{args:?}");
    }
}

#[test]
fn an_example_is_written_once() {
    let folder = folder();
    assert_eq!(gibbon(folder.path(), &["config", "init"], &[]).status.code(), Some(0));
    let again = gibbon(folder.path(), &["config", "init"], &[]);
    assert!(text(&again.stderr).contains("kong.yml already exists.\nWill not overwrite it.\n"));
}

#[test]
fn prefix_is_a_state_folder_where_kongs_cannot_be_used() {
    let folder = folder();
    let state = folder.path().join("state");
    let kong = Path::new("/usr/local/kong").exists();
    assert_eq!(
        gibbon(folder.path(), &["prepare"], &[("XDG_STATE_HOME", state.to_str().unwrap())]).status.code(),
        Some(0)
    );
    assert!(kong || state.join("gibbon/.kong_env").exists());
}

#[test]
fn version_is_that_of_the_kong_that_is_spoken() {
    let folder = folder();
    assert_eq!(text(&gibbon(folder.path(), &["version"], &[]).stdout), "3.10.0\n");
    assert!(text(&gibbon(folder.path(), &["version", "-a"], &[]).stdout).contains("gibbon: "));
}
