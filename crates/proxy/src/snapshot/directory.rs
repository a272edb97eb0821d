//! Look-ups by plugins, answered from the snapshot: all that is configured is in it, or was asked for before. What is not
//! there control asks the store for.

use std::sync::Arc;

use gibbon_model::Document;
use gibbon_model::entities::Consumer;
use gibbon_schema::Value;
use gibbon_sdk::AnyEntity;
use gibbon_sdk::Directory;
use gibbon_sdk::Find;
use gibbon_sdk::Held;
use gibbon_sdk::Lookup;
use uuid::Uuid;

use crate::snapshot::Snapshot;
use crate::snapshot::answers::By;
use crate::snapshot::answers::Question;
use crate::snapshot::desk::CONSUMERS;
use crate::snapshot::lookups;

/// The id of the only workspace, as Kong fixes it without a database.
const WORKSPACE: &str = "0dc6f45b-8f8d-40d2-a504-473544ee190b";

impl Directory for Snapshot {
    fn consumer(&self, by: Lookup<'_>) -> Find<'_, Consumer> {
        let found = match by {
            Lookup::Id(id) => self.consumers.get(&id),
            Lookup::Key(username) => self.usernames.get(username),
        };
        match (found, &self.lookups) {
            (None, Some(lookups)) => lookups.find(question(CONSUMERS, by), &self.env.clock, lookups::consumer),
            (found, _) => now(found),
        }
    }

    fn consumer_by_custom_id(&self, custom_id: &str) -> Find<'_, Consumer> {
        match (self.custom_ids.get(custom_id), &self.lookups) {
            (None, Some(lookups)) => {
                let question = Question { entity: CONSUMERS, by: By::CustomId(custom_id) };
                lookups.find(question, &self.env.clock, lookups::consumer)
            }
            (found, _) => now(found),
        }
    }

    fn entity(&self, entity: &'static str, by: Lookup<'_>) -> Find<'_, AnyEntity> {
        let of = self.entities.of(entity);
        if let (None, Some(lookups)) = (of, &self.lookups) {
            return lookups.find(question(entity, by), &self.env.clock, lookups::entity);
        }
        let found = of.and_then(|of| match by {
            Lookup::Id(id) => of.by_id.get(&id).map(|stored| &stored.entity),
            Lookup::Key(key) => of.of_key(key),
        });
        now(found.and_then(|lasting| lasting.get(&self.env.clock)))
    }

    fn document(&self, entity: &'static str, id: Uuid) -> Option<Document> {
        let shown = match entity {
            "services" => serde_json::to_value(&**self.services.get(&id)?),
            "routes" => serde_json::to_value(&**self.routes.get(&id)?),
            CONSUMERS => {
                let looked_up = || self.lookups.as_ref().and_then(|lookups| lookups.known_consumer(id));
                serde_json::to_value(&**self.consumers.get(&id).or_else(looked_up)?)
            }
            _ => return None,
        };
        let Ok(Value::Object(mut document)) = shown else { return None };
        document.retain(|_, value| !value.is_null());
        document.insert("ws_id".to_owned(), WORKSPACE.into());
        Some(document)
    }

    fn of_consumer(&self, entity: &'static str, consumer: Uuid) -> Find<'_, Vec<Arc<AnyEntity>>> {
        let of = self.entities.of(entity);
        if let (None, Some(lookups)) = (of, &self.lookups) {
            let question = Question { entity, by: By::Consumer(consumer) };
            return lookups.find(question, &self.env.clock, lookups::entities);
        }
        let Some(all) = of.and_then(|of| of.by_consumer.get(&consumer)) else { return Find::Now(None) };
        let clock = &self.env.clock;
        let live = all.stored.iter().filter_map(|(_, stored)| stored.entity.get(clock));
        if live.clone().count() == all.stored.len() {
            return Find::Now(Some(Held::Snapshot(&all.entities)));
        }
        Find::Now(Some(Held::Shared(Arc::new(live.cloned().collect()))))
    }
}

fn question<'k>(entity: &'static str, by: Lookup<'k>) -> Question<&'k str> {
    let by = match by {
        Lookup::Id(id) => By::Id(id),
        Lookup::Key(key) => By::Key(key),
    };
    Question { entity, by }
}

fn now<T: ?Sized>(found: Option<&Arc<T>>) -> Find<'_, T> {
    Find::Now(found.map(|held| Held::Snapshot(&**held)))
}
