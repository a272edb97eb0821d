//! A thousand random writes through the writer: every store answers the same, and holds the same in the end.

use std::sync::Arc;

use gibbon_model::Document;
use gibbon_schema::testing::TestWorld;
use serde_json::Value;
use serde_json::json;

use super::Bench;
use super::document;
use super::embedded;
use super::id;
use super::key;
use super::memory;
use super::postgres;
use crate::Key;
use crate::Unpublished;
use crate::WriteError;
use crate::Writer;

const WRITES: usize = 1000;
const SEED: u64 = 20_261_121;
/// So few that writes get in each other's way.
const IDS: u32 = 6;

/// Entities with the first of their ids.
const ENTITIES: [(&str, u32); 8] = [
    ("consumers", 10),
    ("services", 20),
    ("routes", 30),
    ("upstreams", 40),
    ("targets", 50),
    ("plugins", 60),
    ("keyauth_credentials", 70),
    ("acls", 80),
];

/// Numbers that follow from the seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(sides)).unwrap()
    }

    fn id(&mut self, first: u32) -> u32 {
        first + self.roll(IDS)
    }

    /// Names something, mostly something that may be there.
    fn parent(&mut self, first: u32) -> Value {
        key(self.id(first))
    }

    fn word(&mut self, stem: &str) -> String {
        format!("{stem}{}", self.roll(IDS))
    }
}

fn random(dice: &mut Dice, entity: &str) -> Document {
    document(match entity {
        "consumers" => json!({"username": dice.word("u"), "custom_id": dice.word("c"), "tags": [dice.word("t")]}),
        "services" => json!({"name": dice.word("s"), "host": dice.word("h"), "retries": dice.roll(9)}),
        "routes" => json!({
            "name": dice.word("r"), "paths": [format!("/{}", dice.word("p"))],
            "service": if dice.roll(4) == 0 { Value::Null } else { dice.parent(20) },
        }),
        "upstreams" => json!({"name": dice.word("up"), "slots": 10 + dice.roll(9)}),
        "targets" => {
            json!({"target": format!("{}:80", dice.word("t")), "weight": dice.roll(9), "upstream": dice.parent(40)})
        }
        "plugins" => match dice.roll(3) {
            0 => json!({"name": "key-auth", "route": dice.parent(30)}),
            1 => json!({"name": "key-auth", "service": dice.parent(20), "enabled": false}),
            _ => json!({"name": "key-auth", "instance_name": dice.word("i")}),
        },
        "keyauth_credentials" => json!({"key": dice.word("k"), "consumer": dice.parent(10)}),
        _ => json!({"group": dice.word("g"), "consumer": dice.parent(10)}),
    })
}

/// Makes the next write, and returns what a client would be told.
async fn step(writer: &Writer, dice: &mut Dice) -> Value {
    let (entity, first) = ENTITIES[dice.roll(8) as usize];
    let own = id(dice.id(first));
    let key = Key::Id(&own);
    let mut document = random(dice, entity);
    let answer = match dice.roll(8) {
        0..3 => {
            document.insert("id".to_owned(), own.as_str().into());
            writer.create(entity, document).await
        }
        3 | 4 => writer.update(entity, key, document).await,
        5 | 6 => writer.upsert(entity, key, document).await,
        _ => writer.delete(entity, key).await.map(|()| Document::new()),
    };
    json!([entity, own, answer.unwrap_or_else(|error: WriteError| error.body())])
}

async fn run(bench: &Bench) -> (Vec<Value>, String) {
    let writer = Writer::new(bench.store.clone(), Arc::new(TestWorld::default()), Arc::new(Unpublished));
    let mut dice = Dice(SEED);
    let mut answers = Vec::new();
    for _ in 0..WRITES {
        answers.push(step(&writer, &mut dice).await);
    }
    (answers, writer.export().await.unwrap())
}

#[tokio::test]
async fn random_writes_end_in_the_same_state() {
    let (answers, state) = run(&memory()).await;
    let refused = answers.iter().filter(|answer| !answer[2]["code"].is_null()).count();
    assert!((WRITES / 10..WRITES * 9 / 10).contains(&refused), "{refused} of {WRITES} were refused");
    for (name, bench) in [("embedded", embedded()), ("postgres", postgres().await)] {
        let (others, other) = run(&bench).await;
        for (number, (one, two)) in answers.iter().zip(&others).enumerate() {
            assert_eq!(one, two, "write {number} on {name}");
        }
        assert_eq!(state, other, "{name}");
    }
}
