//! Which plugins take part in a request, in which order, and which instance of each: said once when the configuration
//! is compiled, so that a request only walks over it. It runs no plugin.
//!
//! Of each kind exactly one instance runs. The first of these combinations that has one wins (Kong 3.10,
//! runloop/plugins_iterator.lua): route, service and consumer · route and consumer · service and consumer · route and
//! service · consumer · route · service · everything. The consumer is the one known when the kind's turn comes.

mod compile;
mod instance;

use std::sync::Arc;

use uuid::Uuid;

pub use self::instance::Instance;

pub(crate) use self::compile::Chains;

use crate::snapshot::Shards;

/// A kind of plugin by its place in the running order.
pub(crate) type KindIndex = u16;

/// Instances that are tied to a consumer alone.
type ByConsumer = Shards<(KindIndex, Uuid), Arc<Instance>>;

/// What a route or a service has of one kind.
#[derive(Clone, Debug)]
struct OwnSlot {
    kind: KindIndex,
    /// The instance for calls without a consumer.
    plain: Option<Arc<Instance>>,
    strength: Strength,
    /// Instances tied to a consumer beside the route or the service, by consumer.
    consumers: Box<[(Uuid, Arc<Instance>)]>,
}

/// Whether an instance goes before one tied to a consumer alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    /// It is tied to route and service.
    BeforeConsumer,
    /// It is tied to one of them.
    AfterConsumer,
}

/// What there is of one kind outside of routes and services.
#[derive(Clone, Debug)]
struct GlobalSlot {
    kind: KindIndex,
    plain: Option<Arc<Instance>>,
    /// Whether some consumer has an instance of its own.
    for_consumers: bool,
}

/// The plugins of one route or service, or of none. Cheap to copy; borrows from the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'s> {
    own: &'s [OwnSlot],
    global: &'s [GlobalSlot],
    consumers: &'s ByConsumer,
}

impl<'s> Chain<'s> {
    /// Returns the kinds that can take part, in the order in which they run.
    pub fn kinds(self) -> impl Iterator<Item = Kind<'s>> {
        let (mut own, mut global) = (self.own.iter().peekable(), self.global.iter().peekable());
        std::iter::from_fn(move || {
            let next = match (own.peek(), global.peek()) {
                (Some(own), Some(global)) => own.kind.min(global.kind),
                (Some(own), None) => own.kind,
                (None, Some(global)) => global.kind,
                (None, None) => return None,
            };
            Some(Kind {
                own: own.next_if(|slot| slot.kind == next),
                global: global.next_if(|slot| slot.kind == next),
                consumers: self.consumers,
            })
        })
    }

    /// Returns whether no plugin takes part, whoever calls.
    pub fn is_empty(self) -> bool {
        self.own.is_empty() && self.global.is_empty()
    }
}

/// One kind of plugin in a chain.
#[derive(Clone, Copy, Debug)]
pub struct Kind<'s> {
    own: Option<&'s OwnSlot>,
    global: Option<&'s GlobalSlot>,
    consumers: &'s ByConsumer,
}

impl<'s> Kind<'s> {
    /// Returns the instance that runs for calls of this consumer, if any does.
    pub fn instance(&self, consumer: Option<Uuid>) -> Option<&'s Instance> {
        if let Some(consumer) = consumer {
            if let Some(own) = self.own {
                if let Ok(at) = own.consumers.binary_search_by_key(&consumer, |(held, _)| *held) {
                    return Some(&own.consumers[at].1);
                }
                if own.strength == Strength::BeforeConsumer {
                    return own.plain.as_deref();
                }
            }
            if let Some(global) = self.global.filter(|slot| slot.for_consumers)
                && let Some(instance) = self.consumers.get(&(global.kind, consumer))
            {
                return Some(instance);
            }
        }
        let own = self.own.and_then(|slot| slot.plain.as_deref());
        own.or_else(|| self.global.and_then(|slot| slot.plain.as_deref()))
    }
}
