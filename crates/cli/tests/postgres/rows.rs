//! A database that Kong wrote: shown as Kong shows it, and edited so that nothing but the edit is different.

use anyhow::Context as _;
use anyhow::ensure;
use gibbon_testkit::Postgres;
use gibbon_testkit::gateway::Setup;
use serde_json::Value;
use serde_json::json;

use super::GIBBON;
use super::prepared;

/// Tables, how the Admin API lists them, and where one row is edited.
const KINDS: [(&str, &str, &str); 13] = [
    ("services", "services", "/services/ID"),
    ("routes", "routes", "/routes/ID"),
    ("upstreams", "upstreams", "/upstreams/ID"),
    ("targets", "upstreams/up/targets", "/upstreams/up/targets/ID"),
    ("consumers", "consumers", "/consumers/ID"),
    ("plugins", "plugins", "/plugins/ID"),
    ("certificates", "certificates", "/certificates/ID"),
    ("ca_certificates", "ca_certificates", "/ca_certificates/ID"),
    ("snis", "snis", "/snis/ID"),
    ("sm_vaults", "vaults", "/vaults/ID"),
    ("key_sets", "key-sets", "/key-sets/ID"),
    ("keyauth_credentials", "key-auths", "/consumers/ann/key-auth/ID"),
    ("acls", "acls", "/consumers/ann/acls/ID"),
];
/// A kind of plugin that the recorded database has and Gibbon does not: a node refuses to start with it, as Kong does.
const UNKNOWN: &str = "oauth2";

#[test]
fn a_database_of_kong_changes_by_the_edit_only() -> anyhow::Result<()> {
    let Some(facts) = gibbon_schema::testing::fact("postgres-rows.json") else { return Ok(()) };
    let server = Postgres::shared();
    let database = server.database(None)?;
    drop(prepared(server, &database)?);
    fill(server, &database, &facts["rows"])?;
    let gateway = Setup::new(GIBBON).postgres(server, &database).start()?;
    for (table, list, edit) in KINDS {
        let shown = gateway.call("GET", &format!("/{list}"), None)?.json()?;
        let recorded = facts["admin"][list].clone();
        ensure!(seen(shown.clone()) == seen(recorded), "/{list}: {shown:#}");
        for row in shown["data"].as_array().context("a list")? {
            let id = row["id"].as_str().context("an id")?;
            let read = || -> anyhow::Result<Value> {
                let sql = format!("SELECT row_to_json(t) FROM {table} t WHERE id = '{id}'");
                Ok(serde_json::from_str(&server.sql(&database, &sql)?)?)
            };
            let before = read()?;
            let answer = gateway.call("PATCH", &edit.replace("ID", id), Some(&json!({"tags": ["edited"]})))?;
            ensure!(answer.status == 200, "{edit}: {} {}", answer.status, answer.text());
            let mut after = read()?;
            ensure!(after["tags"] == json!(["edited"]), "{table}: {after}");
            after["tags"] = before["tags"].clone();
            if let Some(updated) = before.get("updated_at") {
                after["updated_at"] = updated.clone();
            }
            ensure!(after == before, "{table}: {after:#} is not {before:#}");
        }
    }
    Ok(())
}

/// Puts the rows in place as a dump would, constraints looked at by nobody.
fn fill(server: &Postgres, database: &str, tables: &Value) -> anyhow::Result<()> {
    for (table, rows) in tables.as_object().context("tables")? {
        let rows: Vec<&Value> = rows.as_array().context("rows")?.iter().filter(|row| row["name"] != UNKNOWN).collect();
        let json = serde_json::to_string(&rows)?;
        server.sql(
            database,
            &format!(
                "SET session_replication_role = replica; DELETE FROM \"{table}\"; \
                 INSERT INTO \"{table}\" SELECT * FROM json_populate_recordset(NULL::\"{table}\", $rows${json}$rows$)"
            ),
        )?;
    }
    Ok(())
}

/// Returns a list in an order of its own, without what it says of the present moment.
fn seen(list: Value) -> Vec<Value> {
    let mut rows = list["data"].as_array().cloned().unwrap_or_default();
    rows.retain(|row| row["name"] != UNKNOWN);
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.remove("ttl");
    }
    rows.sort_by_key(|row| row["id"].to_string());
    rows
}
