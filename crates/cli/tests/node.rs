//! A node in the background, from start to end, by its commands.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use tempfile::TempDir;

/// A folder with a configuration; whatever runs in it is stopped when the test ends.
struct Node {
    folder: TempDir,
}

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let conf = "database = off\nproxy_listen = 127.0.0.1:0\nadmin_listen = 127.0.0.1:0\nstatus_listen = off\nnginx_worker_processes = 1\n";
        std::fs::write(folder.path().join("kong.conf"), conf).unwrap();
        Self { folder }
    }

    fn prefix(&self) -> PathBuf {
        self.folder.path().join("prefix")
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gibbon"));
        command.current_dir(&self.folder).env_clear().env("HOME", self.folder.path()).env("KONG_PREFIX", self.prefix());
        command.args(args).envs(env.iter().copied()).output().unwrap()
    }

    fn start(&self) {
        let output = self.run(&["start", "-c", "kong.conf"], &[]);
        assert_eq!(printed(&output.stderr), "");
        let prefix = self.prefix();
        assert_eq!(
            printed(&output.stdout),
            format!("Kong started\nprefix directory {} not found, trying to create it\n", prefix.display())
        );
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.prefix().join("logs/error.log")).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.run(&["stop"], &[]);
    }
}

fn printed(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn starts_once_and_quits() {
    let node = Node::new();
    node.start();
    let prefix = node.prefix();
    let healthy = format!("nginx.......running\n\nKong is healthy at {}\n", prefix.display());
    assert_eq!(printed(&node.run(&["health"], &[]).stdout), healthy);
    let again = node.run(&["start", "-c", "kong.conf"], &[]);
    assert!(printed(&again.stderr).starts_with(&format!("Error: Kong is already running in {}\n", prefix.display())));
    assert_eq!(printed(&node.run(&["quit"], &[]).stdout), "Kong stopped (gracefully)\n");
    assert!(!prefix.join("pids/nginx.pid").exists() && !prefix.join("sockets/control").exists());
    let stopped = node.run(&["stop"], &[]);
    assert!(
        printed(&stopped.stderr).starts_with(&format!("Error: nginx not running in prefix: {}\n", prefix.display()))
    );
    assert_eq!(printed(&node.run(&["health"], &[]).stdout), "nginx.......not running\n");
}

#[test]
fn reads_its_configuration_again() {
    let node = Node::new();
    node.start();
    let reloaded = node.run(&["reload", "-c", "kong.conf"], &[]);
    assert_eq!((printed(&reloaded.stdout), printed(&reloaded.stderr)), ("Kong reloaded\n".to_owned(), String::new()));
    let refused = node.run(&["reload", "-c", "kong.conf"], &[("KONG_LOG_LEVEL", "loud")]);
    assert!(printed(&refused.stderr).starts_with("Error: log_level has an invalid value: 'loud'"));
    assert_eq!(node.run(&["health"], &[]).status.code(), Some(0));
}

#[test]
fn says_what_it_does_not_serve() {
    let node = Node::new();
    let output = node.run(&["start", "-c", "kong.conf"], &[("KONG_WASM", "on")]);
    assert_eq!(output.status.code(), Some(0));
    let log = node.log();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("[warn]")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].ends_with("these properties are accepted but have no effect yet: wasm"), "{log}");
}

#[test]
fn tells_why_it_cannot_start() {
    let node = Node::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, value, said) in [
        ("KONG_LOG_LEVEL", "loud", "Error: log_level has an invalid value: 'loud'".to_owned()),
        ("KONG_DATABASE", "mysql", "Error: database has an invalid value: 'mysql'".to_owned()),
        ("KONG_PLUGINS", "nope", "Error: nope plugin is enabled but not installed".to_owned()),
        ("KONG_ADMIN_LISTEN", &address, format!("Error: bind() to {address} failed")),
        ("KONG_DECLARATIVE_CONFIG", "/none.yml", "Error: error parsing declarative config file /none.yml:".to_owned()),
    ] {
        let output = node.run(&["start", "-c", "kong.conf"], &[(name, value)]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(printed(&output.stderr).starts_with(&said), "{name}: {}", printed(&output.stderr));
    }
}
