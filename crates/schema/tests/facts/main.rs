//! The engine against recorded facts: schemas are built from the dumps, then every golden row is asked.
//! Functions that belong to plugins are not here; rows that need one are listed.

#![allow(clippy::unwrap_used)]

mod customs;
mod load;

use std::collections::BTreeMap;
use std::fs;

use gibbon_schema::Context;
use gibbon_schema::Document;
use gibbon_schema::Record;
use gibbon_schema::Subschemas;
use gibbon_schema::Value;
use gibbon_schema::Violations;
use gibbon_schema::dry_run;
use gibbon_schema::testing::GOLDEN_OPTIONS;
use gibbon_schema::testing::TestWorld;
use gibbon_schema::testing::describe_differences;
use gibbon_schema::testing::facts_dir;
use gibbon_schema::testing::golden_difference;
use gibbon_schema::testing::golden_rows;

/// All dumped schemas.
#[derive(Default)]
struct Facts {
    entities: BTreeMap<String, Record>,
    plugins: BTreeMap<String, Record>,
    /// By the file stem of the entity, then by name.
    subschemas: BTreeMap<String, BTreeMap<String, Record>>,
    dumps: Vec<(String, Value)>,
    left_out: Vec<String>,
    /// Targets whose schema lacks a function: they may accept what the original refused.
    lenient: Vec<String>,
}

impl Facts {
    fn load() -> Option<Self> {
        let dir = facts_dir()?;
        let mut facts = Self::default();
        for folder in ["schemas", "plugins"] {
            for entry in fs::read_dir(dir.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let dump: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                let known = facts.left_out.len();
                let record = load::record(&dump, &mut facts.left_out);
                if facts.left_out.len() > known {
                    let kind = if folder == "plugins" { "plugin" } else { "entity" };
                    facts.lenient.push(format!("{kind}:{stem}"));
                }
                for (name, sub) in dump["subschemas"].as_object().into_iter().flatten() {
                    let sub = load::record(sub, &mut facts.left_out);
                    facts.subschemas.entry(stem.clone()).or_default().insert(name.clone(), sub);
                }
                if folder == "plugins" {
                    facts.plugins.insert(stem.clone(), record);
                } else {
                    facts.entities.insert(stem.clone(), record);
                }
                facts.dumps.push((format!("{folder}/{stem}"), dump));
            }
        }
        let routes = facts.entities["routes.traditional_compatible"].clone();
        facts.entities.insert("routes".to_owned(), routes);
        facts.left_out.sort();
        facts.left_out.dedup();
        Some(facts)
    }

    fn validate(&self, target: &str, input: &Value) -> Result<(), Violations> {
        let (kind, name) = target.split_once(':').unwrap();
        let entity = if kind == "plugin" { "plugins" } else { name };
        let world = TestWorld::default();
        let registry = Registry { facts: self, entity };
        let cx = Context::new(GOLDEN_OPTIONS, &world).with_subschemas(&registry);
        let input: Document = input.as_object().unwrap().clone();
        dry_run(&self.entities[entity], input, &cx)
    }
}

struct Registry<'a> {
    facts: &'a Facts,
    entity: &'a str,
}

impl Subschemas for Registry<'_> {
    fn find(&self, _: &str, key: &str) -> Option<&Record> {
        match self.entity {
            "plugins" => self.facts.plugins.get(key),
            "routes" => self.facts.subschemas["routes.traditional_compatible"].get(key),
            other => self.facts.subschemas[other].get(key),
        }
    }

    fn entity(&self, name: &str) -> Option<&Record> {
        self.facts.entities.get(name)
    }
}

#[test]
fn answers_as_recorded() {
    let Some(facts) = Facts::load() else { return };
    println!("functions left out: {:#?}", facts.left_out);
    let rows = golden_rows("");
    let (mut wrong, mut lenient) = (Vec::new(), 0);
    for row in &rows {
        let answer = facts.validate(&row.target, &row.input);
        match golden_difference(row, &answer) {
            None => {}
            Some(_) if answer.is_ok() && facts.lenient.contains(&row.target) => lenient += 1,
            Some(difference) => wrong.push(difference),
        }
    }
    println!("{} rows, {lenient} accepted for want of a function", rows.len());
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn describes_as_recorded() {
    let Some(facts) = Facts::load() else { return };
    let mut wrong = Vec::new();
    for (name, dump) in &facts.dumps {
        let (folder, key) = name.split_once('/').unwrap();
        let record = if folder == "plugins" { &facts.plugins[key] } else { &facts.entities[key] };
        wrong.extend(describe_differences(dump, record).into_iter().map(|line| format!("{name}: {line}")));
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}
