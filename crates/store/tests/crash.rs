//! A process that writes is killed at any instant: the database opens, and every write that was
//! acknowledged is there. The process is this test binary, started with an environment variable.

#![allow(clippy::unwrap_used)]

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use gibbon_model::Catalog;
use gibbon_model::Document;
use gibbon_model::entities;
use gibbon_schema::Options;
use gibbon_store::Clock;
use gibbon_store::EmbeddedStore;
use gibbon_store::Store;
use gibbon_store::Write;
use serde_json::json;

/// Tells this binary to be the process that is killed, and where its database is.
const VICTIM: &str = "GIBBON_TEST_CRASH_DATABASE";
/// How many times it is killed; 100 takes a few seconds.
const KILLS: &str = "GIBBON_TEST_KILLS";

fn open(path: &Path) -> EmbeddedStore {
    let catalog = Catalog::new(entities::core(), [], Options::default());
    EmbeddedStore::open(path, Arc::new(catalog), Clock::system()).unwrap()
}

fn service(round: u32, number: u32) -> Document {
    let id = format!("{round:08}-0000-4000-8000-{number:012}");
    let fields = json!({"id": id, "name": id, "host": "h.test", "tags": ["x".repeat(200)]});
    fields.as_object().unwrap().clone()
}

#[tokio::test]
async fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let store = open(Path::new(&path));
    let round = store.list("services").await.unwrap().len();
    let round = u32::try_from(round).unwrap();
    for number in 0.. {
        let document = service(round, number);
        let id = document["id"].as_str().unwrap().to_owned();
        store.write(vec![Write::Insert { entity: "services", document }]).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {id}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_no_acknowledged_write() {
    if std::env::var_os(VICTIM).is_some() {
        return;
    }
    let kills: usize = std::env::var(KILLS).map_or(100, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gibbon.db");
    let mut acknowledged = Vec::new();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The more writes it may make, the later in a write it is hit.
        let enough = acknowledged.len() + 1 + kill % 5;
        for line in lines.by_ref().map(Result::unwrap) {
            if let Some((_, id)) = line.split_once("acknowledged ") {
                acknowledged.push(id.to_owned());
            }
            if acknowledged.len() >= enough {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.map_while(Result::ok);
        acknowledged.extend(rest.filter_map(|line| Some(line.split_once("acknowledged ")?.1.to_owned())));
    }
    let store = open(&path);
    for id in &acknowledged {
        assert!(store.get("services", id).await.unwrap().is_some(), "{id} was acknowledged and is gone");
    }
    assert!(acknowledged.len() >= kills);
}
