//! An export that is imported and exported again is the same text, byte by byte, with documents of every kind. The one
//! exception are times that an import sets, as Kong's does.

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Gateway;
use serde_json::json;

use crate::state;

#[test]
fn by_command_on_an_embedded_database() -> anyhow::Result<()> {
    by_command(crate::on_embedded)
}

#[test]
fn by_command_on_a_postgres_database() -> anyhow::Result<()> {
    by_command(crate::on_postgres)
}

/// Exports from one node, imports into another that is empty, and exports there.
fn by_command(node: fn() -> anyhow::Result<Gateway>) -> anyhow::Result<()> {
    let (from, to) = (node()?, node()?);
    let start = from.folder().join("start.json").display().to_string();
    std::fs::write(&start, state::in_a_file(&state::whole()?).to_string())?;
    from.run(&["config", "db_import", &start])?;
    let first = from.folder().join("first.yml");
    let second = to.folder().join("second.yml");
    from.run(&["config", "db_export", &first.display().to_string()])?;
    to.run(&["config", "db_import", &first.display().to_string()])?;
    to.run(&["config", "db_export", &second.display().to_string()])?;
    let (first, second) = (timeless(&std::fs::read_to_string(&first)?), timeless(&std::fs::read_to_string(&second)?));
    whole(&first)?;
    ensure!(first == second, "{}", difference(&first, &second));
    Ok(())
}

#[test]
fn by_calls_in_memory() -> anyhow::Result<()> {
    let gateway = crate::in_memory()?;
    let mut document = state::in_a_file(&state::whole()?);
    let mut texts = Vec::new();
    for _ in 0..2 {
        let answer = gateway.call("POST", "/config", Some(&document))?;
        ensure!(answer.status == 201, "{}", answer.text());
        let text = gateway.call("GET", "/config", None)?.json()?["config"].as_str().context("a text")?.to_owned();
        document = json!({ "config": text });
        texts.push(timeless(&text));
    }
    whole(&texts[0])?;
    ensure!(texts[0] == texts[1], "{}", difference(&texts[0], &texts[1]));
    Ok(())
}

/// Returns an export without the times that an import sets.
fn timeless(text: &str) -> String {
    let mut kept = String::new();
    let mut before = "";
    for line in text.lines() {
        let is_set = line.trim_start_matches([' ', '-']).starts_with("updated_at:");
        // The row that says which cluster it is has no such time at first, as Kong's.
        let of_cluster = before == "parameters:" && line.starts_with("- created_at:");
        if !is_set && !of_cluster {
            kept += line;
            kept.push('\n');
        }
        before = line;
    }
    kept
}

/// Every kind must be in it, or the comparison says little.
fn whole(text: &str) -> anyhow::Result<()> {
    for kind in [
        "services",
        "routes",
        "consumers",
        "plugins",
        "upstreams",
        "targets",
        "certificates",
        "snis",
        "ca_certificates",
        "vaults",
        "keys",
        "key_sets",
        "keyauth_credentials",
        "acls",
    ] {
        ensure!(
            text.contains(&format!("\n{kind}:\n")) || text.starts_with(&format!("{kind}:\n")),
            "no {kind}:\n{text}"
        );
    }
    Ok(())
}

fn difference(first: &str, second: &str) -> String {
    let pair = first.lines().zip(second.lines()).enumerate().find(|(_, (first, second))| first != second);
    format!("lengths {} and {}, first difference: {pair:?}", first.len(), second.len())
}
