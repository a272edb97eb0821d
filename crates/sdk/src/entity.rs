//! Looking things up: consumers, and the entities that plugins own (credentials and the like).
//!
//! Without a database everything is in the snapshot and is found at once; with one it may be looked up through a
//! cache, and a miss is waited for. Plugins write for both: [`Find`].

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use gibbon_model::EntityDef;
use gibbon_model::entities::Consumer;
use gibbon_schema::Document;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::filter::LocalBoxFuture;

/// Something held for one request: borrowed from the snapshot, or shared with a cache.
#[derive(Debug)]
pub enum Held<'s, T: ?Sized> {
    /// In the snapshot.
    Snapshot(&'s T),
    /// In a cache.
    Shared(Arc<T>),
}

impl<T: ?Sized> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Snapshot(held) => held,
            Self::Shared(held) => held,
        }
    }
}

impl<T: ?Sized> Clone for Held<'_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Snapshot(held) => Self::Snapshot(held),
            Self::Shared(held) => Self::Shared(Arc::clone(held)),
        }
    }
}

/// The outcome of looking something up: known now, or to be waited for.
pub enum Find<'s, T: ?Sized> {
    /// Found, or certainly absent.
    Now(Option<Held<'s, T>>),
    /// The store is asked.
    Later(LocalBoxFuture<'s, Result<Option<Held<'s, T>>, LookupFailed>>),
}

impl<'s, T: ?Sized> Find<'s, T> {
    /// Waits if need be.
    ///
    /// # Errors
    /// When the store could not be asked.
    pub async fn wait(self) -> Result<Option<Held<'s, T>>, LookupFailed> {
        match self {
            Self::Now(found) => Ok(found),
            Self::Later(future) => future.await,
        }
    }
}

/// The store could not be asked, and nothing was cached.
#[derive(Debug, thiserror::Error)]
#[error("{entity} could not be looked up: {reason}")]
pub struct LookupFailed {
    /// Which entity.
    pub entity: &'static str,
    /// What the store said.
    pub reason: String,
}

/// By what a thing is looked up.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'k> {
    /// Its id.
    Id(Uuid),
    /// Its endpoint key, such as the `username` of a consumer or the `key` of a key-auth credential.
    Key(&'k str),
}

/// An entity that a plugin owns, in its typed form.
pub trait StoredEntity: DeserializeOwned + Send + Sync + 'static {
    /// The entity's name, such as `keyauth_credentials`.
    const ENTITY: &'static str;
}

/// Reads the typed form of an entity out of an admitted document.
pub type ReadEntity = fn(&Document) -> Result<Arc<AnyEntity>, serde_json::Error>;

/// An entity that a plugin owns: its definition, and how snapshots keep it.
#[derive(Clone)]
pub struct EntityKind {
    /// The definition, from which store, Admin API and declarative import are made.
    pub def: EntityDef,
    /// Reads the typed form out of an admitted document; `None` for entities the data plane never looks at.
    pub read: Option<ReadEntity>,
}

impl EntityKind {
    /// Returns the kind whose typed form is `T`.
    pub fn of<T: StoredEntity>(def: EntityDef) -> Self {
        Self {
            def,
            read: Some(|document| {
                let typed: T = serde::Deserialize::deserialize(&gibbon_schema::Value::Object(document.clone()))?;
                Ok(Arc::new(typed))
            }),
        }
    }
}

/// An entity of a plugin whose type only its plugin knows.
pub type AnyEntity = dyn Any + Send + Sync;

/// What answers look-ups: a snapshot, with a cache before the store where not all is in memory.
pub trait Directory {
    /// Finds a consumer by id or `username`.
    fn consumer(&self, by: Lookup<'_>) -> Find<'_, Consumer>;

    /// Finds a consumer by its `custom_id`.
    fn consumer_by_custom_id(&self, custom_id: &str) -> Find<'_, Consumer>;

    /// Finds an entity of a plugin by id or endpoint key. One whose `ttl` has run out is absent.
    fn entity(&self, entity: &'static str, by: Lookup<'_>) -> Find<'_, AnyEntity>;

    /// Returns the document of a service, route or consumer that this snapshot holds, as Kong shows them in logs: null
    /// members left out, `ws_id` among them. Builds it anew; not for every request.
    fn document(&self, entity: &'static str, id: Uuid) -> Option<Document>;

    /// Finds all of `entity` that belong to this consumer, such as its groups.
    fn of_consumer(&self, entity: &'static str, consumer: Uuid) -> Find<'_, Vec<Arc<AnyEntity>>>;
}

impl<'s> Find<'s, AnyEntity> {
    /// Narrows to the type that the asker knows; an entity of another type counts as absent.
    pub fn typed<T: StoredEntity>(self) -> Find<'s, T> {
        fn narrow<T: StoredEntity>(held: Held<'_, AnyEntity>) -> Option<Held<'_, T>> {
            match held {
                Held::Snapshot(any) => any.downcast_ref().map(Held::Snapshot),
                Held::Shared(any) => any.downcast().ok().map(Held::Shared),
            }
        }
        match self {
            Find::Now(found) => Find::Now(found.and_then(narrow)),
            Find::Later(future) => Find::Later(Box::pin(async move { Ok(future.await?.and_then(narrow)) })),
        }
    }
}
