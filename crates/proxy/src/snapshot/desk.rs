//! Asks the store for consumers and plugins' entities, on behalf of requests that wait: one question at a time of the same
//! kind, on the control runtime. What it learns is put into the next snapshot.
//!
//! ```text
//! request ── not in its snapshot ──► ask ──► the same is being asked? ── yes ──► waits with the others
//!                                                  │ no
//!                                                  ▼
//!                          a flight: store ── answer ──► all that wait, and whoever asks until the snapshot has it
//!                                                  │
//!          a change is told: flights are forgotten ┤ a flight that is forgotten answers who waits, but is not kept
//!                                                  ▼
//!                                       landed ──► Compiler ──► snapshot
//! ```
//!
//! A flight that began before a write may carry what was before it. News of the write forgets it before the write is
//! answered: nobody joins it after that, and no snapshot gets it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gibbon_model::Document;
use gibbon_model::entities::Consumer;
use gibbon_schema::Value;
use gibbon_sdk::EntityKind;
use gibbon_sdk::Env;
use gibbon_sdk::LookupFailed;
use gibbon_store::PageQuery;
use gibbon_store::Store;
use gibbon_store::page::MAX_SIZE;
use serde::Deserialize as _;
use tokio::runtime;
use tokio::sync::Notify;
use tokio::sync::watch;
use uuid::Uuid;

use crate::snapshot::answers::Answer;
use crate::snapshot::answers::Asked;
use crate::snapshot::answers::By;
use crate::snapshot::answers::Found;
use crate::snapshot::answers::NEVER;
use crate::snapshot::answers::Question;
use crate::snapshot::answers::owner;

/// The entity that plugins know by itself.
pub(super) const CONSUMERS: &str = "consumers";

type Outcome = Option<Result<Arc<Answer>, String>>;

/// Where requests ask for what their snapshot does not have.
pub(super) struct Desk {
    store: Arc<dyn Store>,
    control: runtime::Handle,
    env: Arc<Env>,
    /// What may be asked for beside consumers.
    kinds: HashMap<&'static str, EntityKind>,
    flights: Mutex<Flights>,
    landed: Notify,
}

#[derive(Default)]
struct Flights {
    next: u64,
    under_way: HashMap<Asked, Flight>,
}

/// A question that is being asked, or whose answer is not yet in the snapshot.
struct Flight {
    number: u64,
    outcome: watch::Receiver<Outcome>,
}

/// Answers that came, with what says whether they still count.
pub(super) type Landed = Vec<(u64, Arc<Answer>)>;

impl Desk {
    pub(super) fn new(
        store: Arc<dyn Store>,
        control: runtime::Handle,
        env: Arc<Env>,
        kinds: HashMap<&'static str, EntityKind>,
    ) -> Self {
        Self { store, control, env, kinds, flights: Mutex::default(), landed: Notify::new() }
    }

    /// Returns the name of an entity that is asked for here.
    pub(super) fn knows(&self, entity: &str) -> Option<&'static str> {
        if entity == CONSUMERS { Some(CONSUMERS) } else { self.kinds.get_key_value(entity).map(|(name, _)| *name) }
    }

    /// Returns the field by which an entity is asked for, beside its id.
    pub(super) fn endpoint_key(&self, entity: &str) -> Option<&'static str> {
        if entity == CONSUMERS { Some("username") } else { self.kinds.get(entity)?.def.endpoint_key }
    }

    /// Waits for the store's answer. While the store is away a `stale` one counts for `db_resurrect_ttl` more.
    pub(super) fn ask(
        self: &Arc<Self>,
        question: Question<&str>,
        stale: Option<&Arc<Answer>>,
    ) -> impl Future<Output = Result<Arc<Answer>, LookupFailed>> + use<> {
        let entity = question.entity;
        let mut outcome = self.join(Arc::new(question.owned()), stale);
        async move {
            let failed = |reason: String| LookupFailed { entity, reason };
            match outcome.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(Ok(answer))) => Ok(Arc::clone(answer)),
                Ok(Some(Err(reason))) => Err(failed(reason.clone())),
                Ok(None) | Err(_) => Err(failed("the node is about to end".to_owned())),
            }
        }
    }

    fn join(self: &Arc<Self>, question: Asked, stale: Option<&Arc<Answer>>) -> watch::Receiver<Outcome> {
        let mut flights = self.flights();
        if let Some(flight) = flights.under_way.get(&question)
            // One that broke off without a word is nobody's any more.
            && (flight.outcome.has_changed().is_ok() || flight.outcome.borrow().is_some())
        {
            return flight.outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        flights.next += 1;
        let number = flights.next;
        flights.under_way.insert(Arc::clone(&question), Flight { number, outcome: outcome.clone() });
        drop(flights);
        let (desk, stale) = (Arc::clone(self), stale.cloned());
        self.control.spawn(async move {
            let result = desk.fly(&question, stale).await;
            if result.is_err() {
                // Whoever comes next tries again.
                desk.end(&question, number);
            }
            tell.send_replace(Some(result));
            desk.landed.notify_one();
        });
        outcome
    }

    async fn fly(&self, question: &Asked, stale: Option<Arc<Answer>>) -> Result<Arc<Answer>, String> {
        let reason = match self.look(question).await {
            Ok(answer) => return Ok(Arc::new(answer)),
            Err(reason) => reason,
        };
        let (now, longer) = (self.env.clock.wall_ms(), millis(self.env.conf.db_resurrect_ttl));
        match stale.filter(|stale| longer > 0 && stale.gone > now) {
            Some(stale) => {
                tracing::warn!(entity = question.entity, reason, "the store is away: what it said before still counts");
                Ok(Arc::new(stale.until(now.saturating_add(longer))))
            }
            None => Err(reason),
        }
    }

    /// Asks the store.
    async fn look(&self, question: &Asked) -> Result<Answer, String> {
        let entity = question.entity;
        let by_field = |field, text: &str| {
            let value = Value::from(text);
            async move { self.store.find(entity, field, &value).await.map(Vec::from_iter) }
        };
        let documents = match &question.by {
            By::Id(id) => self.store.get(entity, &id.to_string()).await.map(Vec::from_iter),
            By::Key(text) => match self.endpoint_key(entity) {
                Some(field) => by_field(field, text).await,
                None => Ok(Vec::new()),
            },
            By::CustomId(text) => by_field("custom_id", text).await,
            By::Consumer(id) => self.all_of(entity, *id).await,
        };
        self.answer(question, &documents.map_err(|error| error.to_string())?)
    }

    async fn all_of(&self, entity: &'static str, consumer: Uuid) -> Result<Vec<Document>, gibbon_store::StoreError> {
        let (consumer, mut all, mut offset) = (consumer.to_string(), Vec::new(), None::<String>);
        loop {
            let parent = Some(("consumer", consumer.as_str()));
            let query = PageQuery { parent, size: MAX_SIZE, offset: offset.as_deref(), ..PageQuery::default() };
            let page = self.store.page(entity, query).await?;
            all.extend(page.rows);
            offset = page.next;
            if offset.is_none() {
                return Ok(all);
            }
        }
    }

    /// Returns what documents mean as the answer to a question.
    pub(super) fn answer(&self, question: &Asked, documents: &[Document]) -> Result<Answer, String> {
        let mut shows = smallvec::SmallVec::new();
        let mut gone = NEVER;
        for document in documents {
            shows.extend(document.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()));
            shows.extend(owner(document));
            if let Some(end) = document.get("ttl").and_then(Value::as_f64) {
                gone = gone.min((end * 1000.0) as u64);
            }
        }
        let found = self.read(question, documents).map_err(|error| error.to_string())?;
        if let By::Consumer(id) = question.by {
            shows.push(id);
        }
        let conf = &self.env.conf;
        let ttl = match found {
            Found::Nothing => conf.db_cache_neg_ttl.unwrap_or(conf.db_cache_ttl),
            _ => conf.db_cache_ttl,
        };
        let stale = if ttl.is_zero() { NEVER } else { self.env.clock.wall_ms().saturating_add(millis(ttl)) };
        let used = AtomicBool::new(false);
        Ok(Answer { question: Arc::clone(question), found, shows, stale: stale.min(gone), gone, used })
    }

    fn read(&self, question: &Question<Box<str>>, documents: &[Document]) -> Result<Found, serde_json::Error> {
        if question.entity == CONSUMERS {
            let Some(document) = documents.first() else { return Ok(Found::Nothing) };
            return Ok(Found::Consumer(Arc::new(Consumer::deserialize(document)?)));
        }
        let Some(read) = self.kinds.get(question.entity).and_then(|kind| kind.read) else { return Ok(Found::Nothing) };
        match (&question.by, documents) {
            (_, []) => Ok(Found::Nothing),
            (By::Consumer(_), all) => Ok(Found::Entities(Arc::new(all.iter().map(read).collect::<Result<_, _>>()?))),
            (_, [document, ..]) => Ok(Found::Entity(read(document)?)),
        }
    }

    /// Forgets what is under way, since the store has changed. Who waits is answered.
    pub(super) fn forget(&self) {
        self.flights().under_way.clear();
    }

    /// Waits until an answer came.
    pub(super) async fn landed(&self) {
        self.landed.notified().await;
    }

    /// Returns the answers that came and still count.
    pub(super) fn take_landed(&self) -> Landed {
        let came = |flight: &Flight| match &*flight.outcome.borrow() {
            Some(Ok(answer)) => Some((flight.number, Arc::clone(answer))),
            _ => None,
        };
        self.flights().under_way.values().filter_map(came).collect()
    }

    /// Is told that these are in the snapshot.
    pub(super) fn kept(&self, landed: &Landed) {
        for (number, answer) in landed {
            self.end(&answer.question, *number);
        }
    }

    fn end(&self, question: &Question<Box<str>>, number: u64) {
        let mut flights = self.flights();
        if flights.under_way.get(question).is_some_and(|flight| flight.number == number) {
            flights.under_way.remove(question);
        }
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
