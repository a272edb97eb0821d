//! Deciding by groups, and telling the upstream which they are.

use std::sync::Arc;

use gibbon_sdk::{AnyEntity, Cx, Filter, Find, GO, Held, LookupFailed, Reply, Step, Verdict};
use uuid::Uuid;

use super::{Config, Group};

/// A configured `acl`.
pub struct AclFilter {
    groups: Vec<String>,
    rule: Rule,
    show_groups: bool,
    always_authenticated: bool,
}

/// What being in one of the groups means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    LetsIn,
    KeepsOut,
}

/// Where the groups of a client come from; it decides which header tells the upstream.
#[derive(Clone, Copy)]
enum Origin {
    Consumer,
    Authentication,
}

impl AclFilter {
    pub(super) fn new(config: Config) -> Self {
        let deny = config.deny.unwrap_or_default();
        let (groups, rule) =
            if deny.is_empty() { (config.allow.unwrap_or_default(), Rule::LetsIn) } else { (deny, Rule::KeepsOut) };
        Self {
            groups,
            rule,
            show_groups: !config.hide_groups_header,
            always_authenticated: config.always_use_authenticated_groups,
        }
    }

    /// Judges a client by its groups, in the order in which the upstream is told them.
    fn judge<'g>(&self, cx: &mut Cx<'_>, origin: Origin, groups: impl Iterator<Item = &'g str> + Clone) -> Verdict {
        let is_in = groups.clone().any(|group| self.groups.iter().any(|listed| listed == group));
        if is_in != (self.rule == Rule::LetsIn) {
            return Err(forbidden());
        }
        if self.show_groups {
            let header = match origin {
                Origin::Consumer => "X-Consumer-Groups",
                Origin::Authentication => "X-Authenticated-Groups",
            };
            let list: Vec<&str> = groups.collect();
            cx.request().head.headers.set(header, list.join(", "));
        }
        GO
    }

    /// Judges a consumer whose memberships were looked up.
    fn judge_consumer(&self, cx: &mut Cx<'_>, memberships: Option<&Vec<Arc<AnyEntity>>>) -> Verdict {
        let memberships = memberships.map(Vec::as_slice).unwrap_or_default();
        if memberships.is_empty() && self.rule == Rule::LetsIn {
            return Err(if cx.credential.is_some() { forbidden() } else { unauthorized() });
        }
        let groups = memberships.iter().filter_map(|any| any.downcast_ref::<Group>()).map(|group| group.group.as_str());
        self.judge(cx, Origin::Consumer, groups)
    }

    /// Returns the consumer that counts: the one that was named, else the one the credential says.
    fn consumer(cx: &Cx<'_>) -> Option<Uuid> {
        let named = cx.consumer.as_ref().map(|consumer| consumer.id);
        named.or_else(|| cx.credential.as_ref().and_then(|credential| credential.consumer))
    }
}

impl Filter for AclFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        let consumer = Self::consumer(cx);
        let authenticated = match (consumer, &cx.credential) {
            (Some(_), Some(_)) if !self.always_authenticated => None,
            _ => cx.authenticated_groups.take(),
        };
        if let Some(groups) = authenticated {
            let verdict = self.judge(cx, Origin::Authentication, groups.iter().map(|group| &**group));
            cx.authenticated_groups = Some(groups);
            return verdict.into();
        }
        let Some(consumer) = consumer else {
            return Step::Now(Err(if cx.credential.is_some() { forbidden() } else { unauthorized() }));
        };
        match cx.find_of_consumer::<Group>(consumer) {
            Find::Now(found) => self.judge_consumer(cx, found.as_deref()).into(),
            Find::Later(future) => Step::later(async move {
                let found: Result<Option<Held<'_, _>>, LookupFailed> = future.await;
                match found {
                    Ok(found) => self.judge_consumer(cx, found.as_deref()),
                    Err(failed) => {
                        tracing::error!(error = %failed, "the groups of a consumer could not be looked up");
                        Err(Box::new(Reply::status(500)))
                    }
                }
            }),
        }
    }
}

fn forbidden() -> Box<Reply> {
    Box::new(Reply::error(403, "You cannot consume this service"))
}

fn unauthorized() -> Box<Reply> {
    Box::new(Reply::status(401))
}
