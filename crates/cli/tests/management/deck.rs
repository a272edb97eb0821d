//! decK's commands, call by call, against a real node: dump, diff, sync, sync again, reset.
//!
//! decK itself does not run here. What it does was read in its source, and is done again: see `client`.

use anyhow::ensure;
use gibbon_testkit::Gateway;
use serde_json::Value;
use serde_json::json;

use crate::client::Deck;
use crate::client::State;
use crate::client::count;
use crate::state;
use crate::state::add;
use crate::state::id;

#[test]
fn syncs_an_embedded_database() -> anyhow::Result<()> {
    syncs(&crate::on_embedded()?)
}

#[test]
fn syncs_a_postgres_database() -> anyhow::Result<()> {
    syncs(&crate::on_postgres()?)
}

/// Everything that decK does with a node that can be written to, one step after the other.
fn syncs(gateway: &Gateway) -> anyhow::Result<()> {
    let mut deck = Deck::connect(gateway.admin())?;
    let mut wanted = state::whole()?;

    // A diff, which is a sync that writes nothing.
    ensure!(count(&deck.dump()?) == 0, "not empty");
    ensure!(deck.diff(&wanted)?.counts == [count(&wanted), 0, 0]);
    ensure!(count(&deck.dump()?) == 0, "a diff wrote");

    ensure!(deck.sync(&wanted)?.counts == [count(&wanted), 0, 0]);
    ensure!(deck.sync(&wanted)?.counts == [0, 0, 0], "the second sync: {:?}", deck.diff(&wanted)?);

    // Small pages hold the same documents.
    let dumped = deck.dump()?;
    deck.page = 7;
    ensure!(deck.dump()? == dumped, "pages of 7 hold something else");
    deck.page = 1000;

    change(&mut wanted);
    ensure!(deck.sync(&wanted)?.counts == [2, 7, 12]);
    ensure!(deck.sync(&wanted)?.counts == [0, 0, 0], "after changes: {:?}", deck.diff(&wanted)?);

    // The same name with another id: the old one goes first, with its routes.
    let (old, new) = (id("services", 5), id("services", 905));
    let mut service = wanted.get_mut("services").unwrap().remove(&old).unwrap();
    service["id"] = new.as_str().into();
    wanted.get_mut("services").unwrap().insert(new.clone(), service);
    for kind in ["routes", "plugins"] {
        let held = wanted.get_mut(kind).unwrap().values_mut();
        for document in held.filter(|document| document["service"]["id"] == old.as_str()) {
            document["service"]["id"] = new.as_str().into();
        }
    }
    deck.sync(&wanted)?;
    // decK compares before it deletes: what fell with the old service comes back with the next sync.
    deck.sync(&wanted)?;
    ensure!(deck.sync(&wanted)?.counts == [0, 0, 0], "after a new id: {:?}", deck.diff(&wanted)?);

    // With tags to select by, nothing else is seen or touched.
    let before = count(&deck.dump()?);
    let mut tagged = Deck::connect(gateway.admin())?;
    tagged.tags = vec!["only", "these"];
    let mut few = State::new();
    add(&mut few, "services", 800, json!({ "name": "tagged", "host": "tagged.test" }));
    add(
        &mut few,
        "routes",
        800,
        json!({ "name": "tagged", "paths": ["/tagged"], "service": { "id": id("services", 800) } }),
    );
    ensure!(tagged.sync(&few)?.counts == [2, 0, 0]);
    ensure!(tagged.sync(&few)?.counts == [0, 0, 0]);
    ensure!(count(&deck.dump()?) == before + 2);
    ensure!(tagged.sync(&State::new())?.counts == [0, 0, 2]);

    // A reset is a sync to nothing.
    ensure!(deck.sync(&State::new())?.counts == [0, 0, before]);
    ensure!(count(&deck.dump()?) == 0, "left after a reset");
    Ok(())
}

#[test]
fn dumps_and_compares_without_a_database() -> anyhow::Result<()> {
    let gateway = crate::in_memory()?;
    let wanted = state::whole()?;
    let document = state::in_a_file(&wanted);
    let answer = gateway.call("POST", "/config", Some(&document))?;
    ensure!(answer.status == 201, "{}", answer.text());
    let deck = Deck::connect(gateway.admin())?;
    let plan = deck.diff(&wanted)?;
    ensure!(plan.counts == [0, 0, 0], "{plan:?}");
    // decK stops at the first write, with what the node says.
    let refused = deck.sync(&State::new()).unwrap_err().to_string();
    ensure!(refused.contains("405") && refused.contains("not using a database"), "{refused}");
    Ok(())
}

/// Makes 2 documents, changes 7, and takes 12 away.
fn change(state: &mut State) {
    add(state, "services", 700, json!({ "name": "added", "host": "added.test" }));
    add(
        state,
        "routes",
        700,
        json!({ "name": "added", "paths": ["/added"], "service": { "id": id("services", 700) } }),
    );
    let mut set = |kind: &'static str, number: usize, field: &str, value: Value| {
        state.get_mut(kind).unwrap().get_mut(&id(kind, number)).unwrap()[field] = value;
    };
    set("services", 1, "port", json!(9999));
    set("routes", 2, "paths", json!(["/changed"]));
    set("consumers", 1, "custom_id", json!("other"));
    set("targets", 4, "weight", json!(7));
    set("certificates", 0, "tags", json!(["renewed"]));
    set("snis", 0, "name", json!("renamed.test"));
    set("plugins", 0, "config", json!({ "header_name": "X-Other" }));
    // A consumer with 4 credentials, an upstream with 3 targets, a service with 2 routes.
    let mut gone = vec![("consumers", 24), ("upstreams", 5), ("services", 29)];
    gone.extend([("key-auths", 48), ("key-auths", 49), ("acls", 48), ("acls", 49)]);
    gone.extend([("targets", 15), ("targets", 16), ("targets", 17), ("routes", 58), ("routes", 59)]);
    for (kind, number) in gone {
        state.get_mut(kind).unwrap().remove(&id(kind, number)).unwrap();
    }
}
