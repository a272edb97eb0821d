//! Consumers and plugins' entities that are too many to hold them all: when that begins, and what stands in the snapshot
//! in their place. Small sets, and those of nodes without a database, are held whole. Decision 0011 says why.

use std::sync::Arc;

use gibbon_model::Document;
use gibbon_model::entities::Consumer;
use gibbon_sdk::AnyEntity;
use gibbon_sdk::Clock;
use gibbon_sdk::Find;
use gibbon_sdk::Held;
use uuid::Uuid;

use crate::snapshot::Snapshot;
use crate::snapshot::answers;
use crate::snapshot::answers::Answers;
use crate::snapshot::answers::By;
use crate::snapshot::answers::Found;
use crate::snapshot::answers::Ledger;
use crate::snapshot::answers::Question;
use crate::snapshot::desk::CONSUMERS;
use crate::snapshot::desk::Desk;
use crate::snapshot::desk::Landed;

/// What a snapshot has in the place of consumers and plugins' entities.
#[derive(Clone)]
pub(super) struct LookUps {
    desk: Arc<Desk>,
    answers: Answers,
}

impl LookUps {
    /// Returns what was answered before, else the wait for the store.
    pub(super) fn find<'s, T: ?Sized>(
        &'s self,
        question: Question<&str>,
        clock: &Clock,
        narrow: fn(&Found) -> Option<&Arc<T>>,
    ) -> Find<'s, T> {
        if let Some(answer) = self.answers.fresh(question, clock) {
            return Find::Now(narrow(&answer.found).map(|held| Held::Snapshot(&**held)));
        }
        let answer = self.desk.ask(question, self.answers.any(question));
        Find::Later(Box::pin(
            async move { Ok(narrow(&answer.await?.found).map(|held| Held::Shared(Arc::clone(held)))) },
        ))
    }

    /// Returns a consumer if it was looked up before, without asking for it.
    pub(super) fn known_consumer(&self, id: Uuid) -> Option<&Arc<Consumer>> {
        consumer(&self.answers.any(Question { entity: CONSUMERS, by: By::Id(id) })?.found)
    }
}

pub(super) fn consumer(found: &Found) -> Option<&Arc<Consumer>> {
    if let Found::Consumer(consumer) = found { Some(consumer) } else { None }
}

pub(super) fn entity(found: &Found) -> Option<&Arc<AnyEntity>> {
    if let Found::Entity(entity) = found { Some(entity) } else { None }
}

pub(super) fn entities(found: &Found) -> Option<&Arc<Vec<Arc<AnyEntity>>>> {
    if let Found::Entities(entities) = found { Some(entities) } else { None }
}

/// The compiler's side: it alone puts answers into snapshots and takes them out.
pub(super) struct Keeper {
    pub(super) desk: Arc<Desk>,
    /// Documents that are held whole at most, and answers that are held at most.
    capacity: usize,
    pub(super) ledger: Ledger,
}

impl Keeper {
    pub(super) fn new(desk: Desk, memory: u64) -> Self {
        Self { desk: Arc::new(desk), capacity: answers::capacity(memory), ledger: Ledger::default() }
    }

    /// Looks things up from now on if a snapshot has too many of them.
    pub(super) fn check(&mut self, snapshot: &mut Snapshot) {
        if snapshot.lookups.is_some() {
            return;
        }
        let held = snapshot.consumers.len() + snapshot.entities.len(|kind| self.desk.knows(kind).is_some());
        if held > self.capacity {
            tracing::info!(
                held,
                "consumers and credentials are looked up from now on, since they are too many to hold them all"
            );
            self.begin(snapshot);
        }
    }

    /// Looks things up from now on; nothing is known yet.
    pub(super) fn begin(&mut self, snapshot: &mut Snapshot) {
        snapshot.consumers = Default::default();
        snapshot.usernames = Default::default();
        snapshot.custom_ids = Default::default();
        snapshot.entities.clear(|kind| self.desk.knows(kind).is_some());
        snapshot.lookups = Some(LookUps { desk: Arc::clone(&self.desk), answers: Answers::default() });
        self.ledger = Ledger::default();
    }

    /// Takes answers into a snapshot.
    pub(super) fn remember(&mut self, snapshot: &mut Snapshot, landed: &Landed) {
        let Some(lookups) = &mut snapshot.lookups else { return };
        for (_, answer) in landed {
            self.ledger.remember(&mut lookups.answers, Arc::clone(answer), self.capacity);
        }
    }

    /// Takes a document in before anybody asks for it, by its id and its key; false if there is no room.
    pub(super) fn warm(&mut self, snapshot: &mut Snapshot, entity: &'static str, document: &Document) -> bool {
        let Some(lookups) = snapshot.lookups.as_mut().filter(|lookups| lookups.answers.len() + 2 <= self.capacity)
        else {
            return false;
        };
        let text = |field: &str| document.get(field).and_then(|value| value.as_str());
        let id = text("id").and_then(|id| id.parse().ok()).map(By::Id);
        let key = self.desk.endpoint_key(entity).and_then(text).map(By::Key);
        for by in [id, key].into_iter().flatten() {
            let question = Arc::new(Question { entity, by }.owned());
            // What cannot be read is found out by who asks for it.
            if let Ok(answer) = self.desk.answer(&question, std::slice::from_ref(document)) {
                self.ledger.remember(&mut lookups.answers, Arc::new(answer), self.capacity);
            }
        }
        true
    }

    /// Forgets what a change makes wrong; false if the snapshot holds all entities of this name itself.
    pub(super) fn forget(
        &mut self,
        snapshot: &mut Snapshot,
        (entity, id): (&str, Uuid),
        document: Option<&Document>,
    ) -> bool {
        let (Some(lookups), Some(entity)) = (&mut snapshot.lookups, self.desk.knows(entity)) else { return false };
        let document = document.map(|document| (document, self.desk.endpoint_key(entity)));
        self.ledger.forget(&mut lookups.answers, (entity, id), document);
        true
    }
}
