//! Entities that plugins own, such as credentials: by id, by endpoint key, by consumer. Only their plugins know their
//! types.

use std::sync::Arc;

use gibbon_model::Document;
use gibbon_schema::Value;
use gibbon_sdk::AnyEntity;
use gibbon_sdk::Clock;
use gibbon_sdk::EntityKind;
use smallvec::SmallVec;
use uuid::Uuid;

use crate::snapshot::Shards;

/// An entity for as long as its `ttl` lasts.
#[derive(Clone)]
pub(super) struct Lasting {
    entity: Arc<AnyEntity>,
    /// Milliseconds since the epoch.
    expires: Option<u64>,
}

impl Lasting {
    /// Returns the entity unless its time has run out. Asks for the time only where there is an end.
    pub(super) fn get(&self, clock: &Clock) -> Option<&Arc<AnyEntity>> {
        match self.expires {
            Some(end) if end <= clock.wall_ms() => None,
            _ => Some(&self.entity),
        }
    }
}

/// One entity, and what it is found by.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) entity: Lasting,
    key: Option<Key>,
    consumer: Option<Uuid>,
}

/// An endpoint key; mostly short enough to be read with its place in the map.
type Key = SmallVec<[u8; 32]>;

impl Stored {
    /// Reads a document; none if the data plane never looks at entities of this kind.
    pub(super) fn read(kind: &EntityKind, document: &Document) -> Result<Option<Self>, serde_json::Error> {
        let Some(read) = kind.read else { return Ok(None) };
        let text = |field: &str| document.get(field).and_then(Value::as_str);
        let consumer = document.get("consumer").and_then(|consumer| consumer.get("id")).and_then(Value::as_str);
        let expires = document.get("ttl").and_then(Value::as_f64).map(|seconds| (seconds * 1000.0) as u64);
        Ok(Some(Self {
            entity: Lasting { entity: read(document)?, expires },
            key: kind.def.endpoint_key.and_then(text).map(|key| Key::from_slice(key.as_bytes())),
            consumer: consumer.and_then(|id| id.parse().ok()),
        }))
    }
}

/// All entities of one kind.
#[derive(Clone, Default)]
pub(super) struct OfKind {
    pub(super) by_id: Shards<Uuid, Arc<Stored>>,
    /// By what requests ask with: nothing lies between the key and the entity.
    by_key: Shards<Key, Lasting>,
    pub(super) by_consumer: Shards<Uuid, Arc<OfConsumer>>,
}

/// All entities of one kind that belong to a consumer.
#[derive(Clone, Default)]
pub(super) struct OfConsumer {
    pub(super) stored: Vec<(Uuid, Arc<Stored>)>,
    /// The same, as plugins get them.
    pub(super) entities: Vec<Arc<AnyEntity>>,
}

impl OfConsumer {
    fn of(stored: Vec<(Uuid, Arc<Stored>)>) -> Arc<Self> {
        let entities = stored.iter().map(|(_, stored)| Arc::clone(&stored.entity.entity)).collect();
        Arc::new(Self { stored, entities })
    }
}

impl OfKind {
    /// Finds an entity by its endpoint key.
    pub(super) fn of_key(&self, key: &str) -> Option<&Lasting> {
        self.by_key.get(key.as_bytes())
    }

    fn set(&mut self, id: Uuid, stored: Option<Arc<Stored>>) {
        if let Some(before) = self.by_id.remove(&id) {
            if let Some(key) = &before.key {
                self.by_key.remove(key.as_slice());
            }
            if let Some(consumer) = before.consumer {
                self.change(consumer, |all| all.retain(|(held, _)| *held != id));
            }
        }
        let Some(stored) = stored else { return };
        if let Some(key) = &stored.key {
            self.by_key.insert(key.clone(), stored.entity.clone());
        }
        if let Some(consumer) = stored.consumer {
            let stored = Arc::clone(&stored);
            self.change(consumer, |all| {
                let at = all.partition_point(|(held, _)| *held < id);
                all.insert(at, (id, stored));
            });
        }
        self.by_id.insert(id, stored);
    }

    fn change(&mut self, consumer: Uuid, change: impl FnOnce(&mut Vec<(Uuid, Arc<Stored>)>)) {
        let mut all = self.by_consumer.remove(&consumer).map(|held| held.stored.clone()).unwrap_or_default();
        change(&mut all);
        if !all.is_empty() {
            self.by_consumer.insert(consumer, OfConsumer::of(all));
        }
    }
}

/// Entities of all kinds; there are few kinds.
#[derive(Clone, Default)]
pub(super) struct Entities {
    kinds: Vec<(&'static str, OfKind)>,
}

impl Entities {
    pub(super) fn of(&self, entity: &str) -> Option<&OfKind> {
        self.kinds.iter().find(|(name, _)| *name == entity).map(|(_, of)| of)
    }

    /// Returns how many there are of these kinds.
    pub(super) fn len(&self, of: impl Fn(&str) -> bool) -> usize {
        self.kinds.iter().filter(|(name, _)| of(name)).map(|(_, kind)| kind.by_id.len()).sum()
    }

    /// Lets go of all of these kinds.
    pub(super) fn clear(&mut self, of: impl Fn(&str) -> bool) {
        self.kinds.retain(|(name, _)| !of(name));
    }

    pub(super) fn set(&mut self, entity: &'static str, id: Uuid, stored: Option<Arc<Stored>>) {
        let at = match self.kinds.iter().position(|(name, _)| *name == entity) {
            Some(at) => at,
            None => {
                self.kinds.push((entity, OfKind::default()));
                self.kinds.len() - 1
            }
        };
        self.kinds[at].1.set(id, stored);
    }
}
