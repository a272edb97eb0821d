//! The calls that decK makes, in its order: lists by page and tag, schemas, writes 10 at a time, deletes in reverse.
//! Sources: go-kong (`kong/*_service.go`) and go-database-reconciler (`pkg/{dump,diff,types,utils}`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::Context;
use anyhow::ensure;
use gibbon_testkit::Answer;
use gibbon_testkit::Connection;
use gibbon_testkit::client::Request;
use serde_json::Value;

use crate::defaults::comparable;
use crate::defaults::fill;
use crate::kinds::Defaults;
use crate::kinds::KINDS;
use crate::kinds::Kind;
use crate::kinds::OPTIONAL;
use crate::kinds::text;

/// How many writes decK has under way at once.
const PARALLEL: usize = 10;

/// Documents by the path of their kind, then by id.
pub(crate) type State = BTreeMap<&'static str, BTreeMap<String, Value>>;

/// Returns how many documents there are.
pub(crate) fn count(state: &State) -> usize {
    state.values().map(BTreeMap::len).sum()
}

/// What a sync has to do, or did.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Old documents whose names new ones with other ids take; they go first.
    duplicates: Vec<(Kind, Value)>,
    /// Creates and updates, by kind in order.
    writes: Vec<(Kind, Vec<Value>)>,
    /// Deletes, by kind in reverse order.
    deletes: Vec<(Kind, Vec<Value>)>,
    /// How many documents are made, changed, deleted.
    pub(crate) counts: [usize; 3],
}

/// decK, talking to one node.
pub(crate) struct Deck {
    port: u16,
    connection: RefCell<Connection>,
    schemas: RefCell<BTreeMap<String, Value>>,
    /// How many documents a page holds; decK asks for 1000.
    pub(crate) page: usize,
    /// `select_tags`: only documents that have all of them are seen.
    pub(crate) tags: Vec<&'static str>,
}

impl Deck {
    /// Connects, and looks at the version as every command of decK does first.
    pub(crate) fn connect(port: u16) -> anyhow::Result<Self> {
        let connection = RefCell::new(Connection::open(port)?);
        let deck = Self { port, connection, schemas: RefCell::default(), page: 1000, tags: Vec::new() };
        let root = deck.get("/")?.json()?;
        let parts: Vec<u32> = text(&root["version"]).split('.').map_while(|part| part.parse().ok()).collect();
        // Below 3.4 decK would take other paths.
        ensure!(parts.len() == 3 && parts >= vec![3, 4], "version {}", root["version"]);
        Ok(deck)
    }

    fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.connection.borrow_mut().exchange(&Request::new("GET", path))
    }

    /// Reads everything that decK manages.
    pub(crate) fn dump(&self) -> anyhow::Result<State> {
        for path in OPTIONAL {
            let answer = self.get(&format!("/{path}?size={}", self.page))?;
            ensure!(answer.status == 404 && answer.json()?["message"] == "Not found", "{path}: {}", answer.text());
        }
        let filters = self.get(&format!("/filter-chains?size={}", self.page))?;
        ensure!([400, 404].contains(&filters.status), "filter chains: {}", filters.text());
        let mut state = State::new();
        for kind in KINDS.iter().filter(|kind| kind.path != "targets") {
            state.insert(kind.path, self.list(&format!("/{}", kind.path))?);
        }
        let mut targets = BTreeMap::new();
        for upstream in state["upstreams"].keys() {
            targets.extend(self.list(&format!("/upstreams/{upstream}/targets"))?);
        }
        state.insert("targets", targets);
        Ok(state)
    }

    /// Reads all pages of a collection.
    fn list(&self, path: &str) -> anyhow::Result<BTreeMap<String, Value>> {
        let mut found = BTreeMap::new();
        let mut offset: Option<String> = None;
        loop {
            let mut query = format!("?size={}", self.page);
            if let Some(offset) = &offset {
                query += &format!("&offset={}", offset.replace('+', "%2B").replace('=', "%3D"));
            }
            if !self.tags.is_empty() {
                query += &format!("&tags={}", self.tags.join("%2C"));
            }
            let answer = self.get(&format!("{path}{query}"))?;
            ensure!(answer.status == 200, "GET {path}{query}: {} {}", answer.status, answer.text());
            let body = answer.json()?;
            let rows = body["data"].as_array().context("no list")?;
            ensure!(rows.len() <= self.page, "{path}: a page of {}", rows.len());
            for row in rows {
                let old = found.insert(text(&row["id"]).to_owned(), row.clone());
                ensure!(old.is_none(), "{path}: {} is on two pages", row["id"]);
            }
            match body.get("offset").and_then(Value::as_str) {
                Some(next) => offset = Some(next.to_owned()),
                None => return Ok(found),
            }
        }
    }

    /// Returns the schema of a document: its plugin's, or its entity's. Each is asked for once.
    fn schema(&self, kind: Kind, document: &Value) -> anyhow::Result<Value> {
        let path = match (kind.defaults, kind.path) {
            (Defaults::None, _) => return Ok(Value::Null),
            (_, "plugins") => format!("/schemas/plugins/{}", text(&document["name"])),
            (_, path) => format!("/schemas/{path}"),
        };
        if let Some(known) = self.schemas.borrow().get(&path) {
            return Ok(known.clone());
        }
        let answer = self.get(&path)?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.text());
        let schema = answer.json()?;
        self.schemas.borrow_mut().insert(path, schema.clone());
        Ok(schema)
    }

    /// Returns what is to be done to come from what there is to what is wanted. Nothing is written.
    pub(crate) fn diff(&self, wanted: &State) -> anyhow::Result<Plan> {
        let mut wanted = wanted.clone();
        let tags: Vec<Value> = self.tags.iter().map(|tag| Value::from(*tag)).collect();
        if !tags.is_empty() {
            // decK puts the tags it selects by on all that a file has.
            wanted
                .values_mut()
                .flat_map(BTreeMap::values_mut)
                .for_each(|document| document["tags"] = tags.clone().into());
        }
        let current = self.dump()?;
        let mut plan = Plan::default();
        for kind in KINDS {
            let none = BTreeMap::new();
            let (there, wanted) = (&current[kind.path], wanted.get(kind.path).unwrap_or(&none));
            let mut writes = Vec::new();
            for (id, document) in wanted {
                let schema = self.schema(*kind, document)?;
                let mut filled = document.clone();
                fill(&mut filled, &schema);
                let mut written = if kind.defaults == Defaults::Written { &filled } else { document }.clone();
                match there.get(id) {
                    Some(held) => {
                        let mut held_filled = held.clone();
                        fill(&mut held_filled, &schema);
                        if comparable(&held_filled, &schema) == comparable(&filled, &schema) {
                            continue;
                        }
                        if kind.path == "certificates" {
                            // Else the PUT would take its names away.
                            written["snis"] = held["snis"].clone();
                        }
                        plan.counts[1] += 1;
                    }
                    None => plan.counts[0] += 1,
                }
                writes.push(written);
                if kind.path == "services"
                    && let Some(old) =
                        there.values().find(|old| old["name"] == document["name"] && old["id"] != document["id"])
                {
                    let routes = current["routes"].values().filter(|route| route["service"]["id"] == old["id"]);
                    let routes_kind = KINDS.iter().find(|kind| kind.path == "routes").context("routes")?;
                    plan.duplicates.extend(routes.map(|route| (*routes_kind, route.clone())));
                    plan.duplicates.push((*kind, old.clone()));
                }
            }
            plan.writes.push((*kind, writes));
            let gone: Vec<Value> =
                there.iter().filter(|(id, _)| !wanted.contains_key(*id)).map(|(_, it)| it.clone()).collect();
            plan.counts[2] += gone.len();
            plan.deletes.insert(0, (*kind, gone));
        }
        Ok(plan)
    }

    /// Makes the node have what is wanted, and returns what was done.
    pub(crate) fn sync(&self, wanted: &State) -> anyhow::Result<Plan> {
        let plan = self.diff(wanted)?;
        for (kind, document) in &plan.duplicates {
            self.parallel(std::slice::from_ref(document), |connection, document| delete(connection, *kind, document))?;
        }
        for (kind, documents) in &plan.writes {
            self.parallel(documents, |connection, document| put(connection, *kind, document))?;
        }
        for (kind, documents) in &plan.deletes {
            self.parallel(documents, |connection, document| delete(connection, *kind, document))?;
        }
        Ok(plan)
    }

    /// Does something with each document, 10 at a time, and waits for all.
    fn parallel(
        &self,
        documents: &[Value],
        act: impl Fn(&mut Connection, &Value) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<()> {
        let (port, queue) = (self.port, Mutex::new(documents.iter()));
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::thread::scope(|scope| {
            let work = || {
                let mut connection = Connection::open(port)?;
                while let Some(document) = next() {
                    act(&mut connection, document)?;
                }
                anyhow::Ok(())
            };
            let workers: Vec<_> = (0..PARALLEL.min(documents.len())).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })
    }
}

/// Writes a document by its id; a target that is not there yet is posted.
fn put(connection: &mut Connection, kind: Kind, document: &Value) -> anyhow::Result<()> {
    let path = kind.member(document);
    let mut answer = connection.exchange(&Request::new("PUT", &path).json(document))?;
    if kind.path == "targets" && answer.status == 404 {
        answer = connection.exchange(&Request::new("POST", &kind.collection(document)).json(document))?;
    }
    ensure!(matches!(answer.status, 200 | 201), "PUT {path} {document}: {} {}", answer.status, answer.text());
    ensure!(answer.json()?["id"] == document["id"], "PUT {path}: another id: {}", answer.text());
    Ok(())
}

fn delete(connection: &mut Connection, kind: Kind, document: &Value) -> anyhow::Result<()> {
    let path = kind.member(document);
    let answer = connection.exchange(&Request::new("DELETE", &path))?;
    ensure!(answer.status == 204, "DELETE {path}: {} {}", answer.status, answer.text());
    Ok(())
}
