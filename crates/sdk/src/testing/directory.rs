//! Consumers and entities of plugins in plain lists, found at once or, on request, later.

use std::any::type_name;
use std::sync::Arc;

use gibbon_model::entities::Consumer;
use gibbon_schema::Document;
use uuid::Uuid;

use crate::entity::{AnyEntity, Directory, Find, Held, Lookup, StoredEntity};

#[derive(Default)]
pub(super) struct TestDirectory {
    consumers: Vec<Consumer>,
    entities: Vec<Row>,
    owned: Vec<(&'static str, Uuid, Vec<Arc<AnyEntity>>)>,
    /// Whether answers come later.
    pub(super) cold: bool,
}

struct Row {
    entity: &'static str,
    key: String,
    value: Arc<AnyEntity>,
}

impl TestDirectory {
    pub(super) fn add_consumer(&mut self, consumer: Consumer) {
        self.consumers.push(consumer);
    }

    pub(super) fn add_entity<T: StoredEntity>(&mut self, key: &str, owner: Uuid, entity: T) {
        debug_assert!(!T::ENTITY.is_empty(), "{} names no entity", type_name::<T>());
        let value: Arc<AnyEntity> = Arc::new(entity);
        self.entities.push(Row { entity: T::ENTITY, key: key.to_owned(), value: Arc::clone(&value) });
        match self.owned.iter_mut().find(|(entity, of, _)| *entity == T::ENTITY && *of == owner) {
            Some((_, _, list)) => list.push(value),
            None => self.owned.push((T::ENTITY, owner, vec![value])),
        }
    }

    fn reply<'s, T: ?Sized>(&self, found: Option<Held<'s, T>>) -> Find<'s, T>
    where
        Held<'s, T>: 's,
    {
        if self.cold { Find::Later(Box::pin(async move { Ok(found) })) } else { Find::Now(found) }
    }
}

impl Directory for TestDirectory {
    fn consumer(&self, by: Lookup<'_>) -> Find<'_, Consumer> {
        let found = self.consumers.iter().find(|consumer| match by {
            Lookup::Id(id) => consumer.id == id,
            Lookup::Key(key) => consumer.username.as_deref() == Some(key),
        });
        self.reply(found.map(Held::Snapshot))
    }

    fn consumer_by_custom_id(&self, custom_id: &str) -> Find<'_, Consumer> {
        let found = self.consumers.iter().find(|consumer| consumer.custom_id.as_deref() == Some(custom_id));
        self.reply(found.map(Held::Snapshot))
    }

    fn entity(&self, entity: &'static str, by: Lookup<'_>) -> Find<'_, AnyEntity> {
        let found = self.entities.iter().find(|row| {
            row.entity == entity
                && match by {
                    Lookup::Id(id) => row.key == id.to_string(),
                    Lookup::Key(key) => row.key == key,
                }
        });
        self.reply(found.map(|row| Held::Snapshot(&*row.value)))
    }

    fn document(&self, entity: &'static str, id: Uuid) -> Option<Document> {
        Some(Document::from_iter([("id".to_owned(), id.to_string().into()), ("entity".to_owned(), entity.into())]))
    }

    fn of_consumer(&self, entity: &'static str, consumer: Uuid) -> Find<'_, Vec<Arc<AnyEntity>>> {
        let found = self.owned.iter().find(|(name, owner, _)| *name == entity && *owner == consumer);
        self.reply(found.map(|(_, _, list)| Held::Snapshot(list)))
    }
}
