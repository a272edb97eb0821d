//! What the store said of consumers and plugins' entities, on a node that does not hold them all: part of the snapshot, so
//! that finding an answer again takes no lock, no allocation and no shared count. It asks nobody; [`super::desk`] does.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use gibbon_model::Document;
use gibbon_model::entities::Consumer;
use gibbon_schema::Value;
use gibbon_sdk::AnyEntity;
use gibbon_sdk::Clock;
use smallvec::SmallVec;
use uuid::Uuid;

use crate::snapshot::Shards;

/// What an answer, or a document that is held, takes at most with all that leads to it.
const BYTES: u64 = 1024;
/// The end of what has none.
pub(super) const NEVER: u64 = u64::MAX;

/// Something to be looked up. As `Question<&str>` it borrows its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question<T> {
    pub(super) entity: &'static str,
    pub(super) by: By<T>,
}

/// A question that outlives the request it came from.
pub(super) type Asked = Arc<Question<Box<str>>>;

/// By what it is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By<T> {
    Id(Uuid),
    /// Its endpoint key, such as a username.
    Key(T),
    CustomId(T),
    /// All that belong to this consumer.
    Consumer(Uuid),
}

impl Question<&str> {
    pub(super) fn owned(self) -> Question<Box<str>> {
        let by = match self.by {
            By::Id(id) => By::Id(id),
            By::Key(key) => By::Key(key.into()),
            By::CustomId(id) => By::CustomId(id.into()),
            By::Consumer(id) => By::Consumer(id),
        };
        Question { entity: self.entity, by }
    }
}

impl Question<Box<str>> {
    pub(super) fn borrowed(&self) -> Question<&str> {
        let by = match &self.by {
            By::Id(id) => By::Id(*id),
            By::Key(key) => By::Key(&**key),
            By::CustomId(id) => By::CustomId(&**id),
            By::Consumer(id) => By::Consumer(*id),
        };
        Question { entity: self.entity, by }
    }
}

/// What the store has.
#[derive(Clone)]
pub(super) enum Found {
    Nothing,
    Consumer(Arc<Consumer>),
    Entity(Arc<AnyEntity>),
    Entities(Arc<Vec<Arc<AnyEntity>>>),
}

/// What the store said, and how long that counts.
pub(super) struct Answer {
    pub(super) question: Asked,
    pub(super) found: Found,
    /// Ids of what it shows, and of the consumers these belong to: when one of them changes the answer is forgotten.
    pub(super) shows: SmallVec<[Uuid; 2]>,
    /// When it is asked for anew, in milliseconds since the epoch.
    pub(super) stale: u64,
    /// From when on nobody may see it, be the store away or not: something in it has expired.
    pub(super) gone: u64,
    /// Whether a request came for it since somebody last looked for what can be forgotten.
    pub(super) used: AtomicBool,
}

impl Answer {
    /// Returns the same answer with another end, for while the store is away.
    pub(super) fn until(&self, stale: u64) -> Self {
        Self {
            question: Arc::clone(&self.question),
            found: self.found.clone(),
            shows: self.shows.clone(),
            stale: stale.min(self.gone),
            gone: self.gone,
            used: AtomicBool::new(true),
        }
    }
}

/// Answers by question.
#[derive(Clone, Default)]
pub(super) struct Answers(Shards<Asked, Arc<Answer>>);

impl Answers {
    /// Returns the answer, be it stale or not.
    pub(super) fn any(&self, question: Question<&str>) -> Option<&Arc<Answer>> {
        self.0.find(&question, |held| held.borrowed() == question)
    }

    /// Returns the answer if it still counts. Asks for the time only where there is an end.
    pub(super) fn fresh(&self, question: Question<&str>, clock: &Clock) -> Option<&Arc<Answer>> {
        let answer = self.any(question)?;
        if answer.stale != NEVER && answer.stale <= clock.wall_ms() {
            return None;
        }
        // Written once between two looks, so that workers do not take the line from each other.
        if !answer.used.load(Ordering::Relaxed) {
            answer.used.store(true, Ordering::Relaxed);
        }
        Some(answer)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Which answers there are, in the order in which they came, and what they show. Requests never see it.
#[derive(Default)]
pub(super) struct Ledger {
    of: HashMap<Uuid, SmallVec<[Asked; 2]>>,
    queue: VecDeque<Arc<Answer>>,
}

/// Returns how many answers, or documents, may be held in so many bytes of memory.
pub(super) fn capacity(bytes: u64) -> usize {
    usize::try_from(bytes / BYTES).unwrap_or(usize::MAX)
}

impl Ledger {
    /// Takes an answer in; beyond `capacity` one goes that no request has come for since the last time it was its turn.
    pub(super) fn remember(&mut self, answers: &mut Answers, answer: Arc<Answer>, capacity: usize) {
        self.forget_one(answers, answer.question.borrowed());
        for id in &answer.shows {
            self.of.entry(*id).or_default().push(Arc::clone(&answer.question));
        }
        answers.0.insert(Arc::clone(&answer.question), Arc::clone(&answer));
        self.queue.push_back(answer);
        while answers.len() > capacity {
            let Some(oldest) = self.queue.pop_front() else { return };
            if !is_held(answers, &oldest) {
                continue;
            }
            if oldest.used.swap(false, Ordering::Relaxed) {
                self.queue.push_back(oldest);
            } else {
                self.forget_one(answers, oldest.question.borrowed());
            }
        }
        // Forgotten ones stay in the queue until then.
        if self.queue.len() > 2 * answers.len() + 1024 {
            self.queue.retain(|answer| is_held(answers, answer));
        }
    }

    /// Forgets what was known of an entity, and what a new one like this one makes wrong.
    pub(super) fn forget(
        &mut self,
        answers: &mut Answers,
        (entity, id): (&'static str, Uuid),
        document: Option<(&Document, Option<&str>)>,
    ) {
        for question in self.of.get(&id).cloned().unwrap_or_default() {
            self.forget_one(answers, question.borrowed());
        }
        let mut forget = |by| self.forget_one(answers, Question { entity, by });
        forget(By::Id(id));
        let Some((document, endpoint_key)) = document else { return };
        let text = |field: &str| document.get(field).and_then(Value::as_str);
        if let Some(key) = endpoint_key.and_then(text) {
            forget(By::Key(key));
        }
        if let Some(custom_id) = text("custom_id") {
            forget(By::CustomId(custom_id));
        }
        if let Some(owner) = owner(document) {
            forget(By::Consumer(owner));
        }
    }

    fn forget_one(&mut self, answers: &mut Answers, question: Question<&str>) {
        let Some(held) = answers.any(question).cloned() else { return };
        answers.0.remove(&held.question);
        for id in &held.shows {
            if let Some(questions) = self.of.get_mut(id) {
                questions.retain(|own| *own != held.question);
                if questions.is_empty() {
                    self.of.remove(id);
                }
            }
        }
    }
}

fn is_held(answers: &Answers, answer: &Arc<Answer>) -> bool {
    answers.any(answer.question.borrowed()).is_some_and(|held| Arc::ptr_eq(held, answer))
}

/// Returns the consumer to whom an entity belongs.
pub(super) fn owner(document: &Document) -> Option<Uuid> {
    document.get("consumer")?.get("id")?.as_str()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn question(key: &str) -> Question<&str> {
        Question { entity: "keys", by: By::Key(key) }
    }

    fn answer(key: &str, shows: &[u128]) -> Arc<Answer> {
        Arc::new(Answer {
            question: Arc::new(question(key).owned()),
            found: Found::Nothing,
            shows: shows.iter().map(|id| Uuid::from_u128(*id)).collect(),
            stale: NEVER,
            gone: NEVER,
            used: AtomicBool::new(false),
        })
    }

    #[test]
    fn what_is_used_stays() {
        let (mut answers, mut ledger) = (Answers::default(), Ledger::default());
        for key in ["a", "b", "c"] {
            ledger.remember(&mut answers, answer(key, &[]), 3);
        }
        let used = answers.fresh(question("a"), &Clock::System).unwrap();
        assert_eq!(used.question.borrowed(), question("a"));
        for key in ["d", "e"] {
            ledger.remember(&mut answers, answer(key, &[]), 3);
        }
        let left: Vec<_> =
            ["a", "b", "c", "d", "e"].into_iter().filter(|key| answers.any(question(key)).is_some()).collect();
        assert_eq!(left, ["a", "d", "e"]);
    }

    #[test]
    fn what_changed_is_forgotten() {
        let (mut answers, mut ledger) = (Answers::default(), Ledger::default());
        let (credential, consumer) = (7, 9);
        let before = answers.clone();
        let id = Uuid::from_u128(credential);
        // By what it shows, by whom that belongs to, and what was not there before.
        for (changed, document) in [
            (id, Document::new()),
            (Uuid::from_u128(consumer), Document::new()),
            (Uuid::from_u128(1), Document::from_iter([("key".to_owned(), "k".into())])),
        ] {
            ledger.remember(&mut answers, answer("k", &[credential, consumer]), 3);
            ledger.remember(&mut answers, answer("other", &[]), 3);
            ledger.forget(&mut answers, ("keys", changed), Some((&document, Some("key"))));
            assert!(answers.any(question("k")).is_none() && answers.any(question("other")).is_some());
        }
        assert!(ledger.of.is_empty());
        assert_eq!(before.len(), 0, "a copy stays as it was");
        for _ in 0..5000 {
            ledger.remember(&mut answers, answer("k", &[]), 3);
        }
        assert!(ledger.queue.len() < 1100, "the queue does not grow");
    }
}
