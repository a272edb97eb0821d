//! Comparing schemas with recorded facts: what a Kong 3.10.0 answered, and how it describes its schemas.
//! Without the facts directory tests say so and pass; this module is the only one that reads files.

mod describe;

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use uuid::Uuid;

pub use self::describe::check_describe;
pub use self::describe::describe_differences;

use crate::Database;
use crate::Options;
use crate::Violations;
use crate::World;

/// The settings of the node that answered the golden rows.
pub const GOLDEN_OPTIONS: Options = Options {
    database: Database::Off,
    role: crate::Role::Traditional,
    router_flavor: crate::RouterFlavor::TraditionalCompatible,
};

/// A world for tests: time stands still, ids count up, randomness is none.
#[derive(Debug, Default)]
pub struct TestWorld {
    ids: std::sync::atomic::AtomicU64,
}

impl World for TestWorld {
    fn now(&self) -> f64 {
        1_750_000_000.125
    }

    fn uuid(&self) -> Uuid {
        let count = self.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        uuid::Builder::from_random_bytes(u128::from(count).to_be_bytes()).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(index % 200).unwrap_or_default();
        }
    }
}

/// Returns the facts directory: `GIBBON_FACTS`, or `shared/facts` beside the workspace or above it.
#[must_use]
pub fn facts_dir() -> Option<PathBuf> {
    if let Some(dir) = env::var_os("GIBBON_FACTS") {
        return Some(dir.into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|dir| dir.join("shared/facts")).find(|dir| dir.is_dir())
}

/// Reads one JSON file of the facts, or says that there are none.
///
/// # Panics
/// When the directory is there but the file is not, or is no JSON.
#[must_use]
pub fn fact(file: &str) -> Option<Value> {
    let Some(dir) = facts_dir() else {
        println!("no facts directory: {file} is not compared");
        return None;
    };
    let path = dir.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// One recorded answer to POST /schemas/…/validate.
#[derive(Clone, Debug)]
pub struct GoldenRow {
    /// `entity:NAME` or `plugin:NAME`.
    pub target: String,
    /// What was sent.
    pub input: Value,
    /// 200, 400, or 500 where the original crashed: a clean 400 is expected there.
    pub status: u64,
    /// The error body.
    pub body: Value,
}

/// Returns the recorded rows of a target, or of all when it is empty.
#[must_use]
pub fn golden_rows(target: &str) -> Vec<GoldenRow> {
    let Some(golden) = fact("golden-validation.json") else { return Vec::new() };
    let rows = golden["rows"].as_array().into_iter().flatten();
    rows.map(|row| GoldenRow {
        target: row["target"].as_str().unwrap_or_default().to_owned(),
        input: row["input"].clone(),
        status: row["status"].as_u64().unwrap_or_default(),
        body: row["body"].clone(),
    })
    .filter(|row| target.is_empty() || row.target == target)
    .collect()
}

/// Runs all recorded rows of `target` through `validate`, which admits as an insert with [`GOLDEN_OPTIONS`].
///
/// # Panics
/// When an answer differs; all that differ are listed.
pub fn check_golden(target: &str, validate: impl Fn(&Value) -> Result<(), Violations>) {
    let rows = golden_rows(target);
    assert!(facts_dir().is_none() || !rows.is_empty(), "no golden rows for `{target}`");
    let wrong: Vec<_> = rows.iter().filter_map(|row| golden_difference(row, &validate(&row.input))).collect();
    assert!(wrong.is_empty(), "{} of {} rows of {target} differ\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Returns how an answer differs from the recorded one, if it does.
#[must_use]
pub fn golden_difference(row: &GoldenRow, answer: &Result<(), Violations>) -> Option<String> {
    let complain = |want: &dyn std::fmt::Display, got: &dyn std::fmt::Display| {
        Some(format!("{} {}\n  want {want}\n  got  {got}", row.target, row.input))
    };
    match (row.status, answer) {
        (200, Ok(())) | (500, Err(_)) => None,
        (200, Err(violations)) => complain(&"ok", &violations.to_fields()),
        (_, Ok(())) => complain(&row.body["fields"], &"ok"),
        (_, Err(violations)) => {
            let (want, got) = (plain(&row.body["fields"]), plain(&violations.to_fields()));
            if want != got {
                return complain(&row.body["fields"], &violations.to_fields());
            }
            // Where a foreign library's words were cut, the summary has them too.
            let exact = want == row.body["fields"];
            let summary = violations.summary();
            if exact && row.body["message"] != summary.as_str() {
                return complain(&row.body["message"], &summary);
            }
            None
        }
    }
}

/// Cuts what a foreign library says behind Kong's own words, and orders objects.
fn plain(value: &Value) -> Value {
    const FOREIGN: [&str; 5] = [
        "invalid certificate: ",
        "invalid key: ",
        "could not load private key",
        "Router Expression failed validation: ",
        "error parsing ",
    ];
    match value {
        Value::String(text) => FOREIGN
            .iter()
            .find(|prefix| text.starts_with(**prefix) && !text.contains("cannot set"))
            .map_or_else(|| value.clone(), |prefix| (*prefix).into()),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        other => other.clone(),
    }
}
