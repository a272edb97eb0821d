//! Look-ups by plugins, answered from the snapshot alone: all that is configured is in it.

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

/// The id of the only workspace, as Kong fixes it without a database.
const WORKSPACE: &str = "0dc6f45b-8f8d-40d2-a504-473544ee190b";

impl Directory for Snapshot {
    fn consumer(&self, by: Lookup<'_>) -> Find<'_, Consumer> {
        let found = match by {
            Lookup::Id(id) => self.consumers.get(&id),
            Lookup::Key(username) => self.usernames.get(username),
        };
        now(found)
    }

    fn consumer_by_custom_id(&self, custom_id: &str) -> Find<'_, Consumer> {
        now(self.custom_ids.get(custom_id))
    }

    fn entity(&self, entity: &'static str, by: Lookup<'_>) -> Find<'_, AnyEntity> {
        let of = self.entities.of(entity);
        let found = of.and_then(|of| match by {
            Lookup::Id(id) => of.by_id.get(&id),
            Lookup::Key(key) => of.by_key.get(key),
        });
        let live = found.filter(|stored| !stored.is_expired(&self.env.clock));
        now(live.map(|stored| &stored.entity))
    }

    fn document(&self, entity: &'static str, id: Uuid) -> Option<Document> {
        let shown = match entity {
            "services" => serde_json::to_value(&**self.services.get(&id)?),
            "routes" => serde_json::to_value(&**self.routes.get(&id)?),
            "consumers" => serde_json::to_value(&**self.consumers.get(&id)?),
            _ => return None,
        };
        let Ok(Value::Object(mut document)) = shown else { return None };
        document.retain(|_, value| !value.is_null());
        document.insert("ws_id".to_owned(), WORKSPACE.into());
        Some(document)
    }

    fn of_consumer(&self, entity: &'static str, consumer: Uuid) -> Find<'_, Vec<Arc<AnyEntity>>> {
        let Some(all) = self.entities.of(entity).and_then(|of| of.by_consumer.get(&consumer)) else {
            return Find::Now(None);
        };
        let clock = &self.env.clock;
        if all.stored.iter().all(|(_, stored)| !stored.is_expired(clock)) {
            return Find::Now(Some(Held::Snapshot(&all.entities)));
        }
        let live = all.stored.iter().filter(|(_, stored)| !stored.is_expired(clock));
        Find::Now(Some(Held::Shared(Arc::new(live.map(|(_, stored)| Arc::clone(&stored.entity)).collect()))))
    }
}

fn now<T: ?Sized>(found: Option<&Arc<T>>) -> Find<'_, T> {
    Find::Now(found.map(|held| Held::Snapshot(&**held)))
}
