//! The phases of one configured plugin. Which instance runs for a request is the chain's business, not the filter's.

use std::future::Future;
use std::pin::Pin;

use gibbon_http::Part;

use crate::cx::Cx;
use crate::reply::Reply;

/// `Err` ends the request here with this reply.
pub type Verdict = Result<(), Box<Reply>>;

/// Goes on: the verdict of a filter that has nothing to say.
pub const GO: Verdict = Ok(());

/// A future that stays on its worker's thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A plugin's answer: now, at no allocation, or later, when it must wait on the world.
pub enum Step<'a> {
    /// The verdict is known.
    Now(Verdict),
    /// The filter waits (on a body, a server, a store); the worker serves others meanwhile.
    Later(LocalBoxFuture<'a, Verdict>),
}

impl<'a> Step<'a> {
    /// Goes on at once.
    pub const GO: Self = Step::Now(GO);

    /// Ends the request at once with `reply`.
    pub fn stop(reply: Reply) -> Self {
        Step::Now(Err(Box::new(reply)))
    }

    /// Waits for the verdict, if it must be waited for.
    pub async fn settle(self) -> Verdict {
        match self {
            Self::Now(verdict) => verdict,
            Self::Later(future) => future.await,
        }
    }

    /// Waits for `future`.
    pub fn later(future: impl Future<Output = Verdict> + 'a) -> Self {
        Step::Later(Box::pin(future))
    }
}

impl From<Verdict> for Step<'_> {
    fn from(verdict: Verdict) -> Self {
        Step::Now(verdict)
    }
}

/// One configured plugin, immutable; an unchanged one is carried into the next snapshot.
///
/// State of a request lives in [`Cx::slot`], state of the node in [`crate::Env`]; a filter holds only its configuration.
/// A panic in a phase ends that phase: in rewrite and access the client gets a 500 and the later phases still run; in
/// header, chunk and log the filter is skipped for the rest of the request.
pub trait Filter: Send + Sync {
    /// Runs before routing; only for plugins configured globally.
    fn rewrite<'a>(&'a self, _cx: &'a mut Cx<'_>) -> Step<'a> {
        Step::GO
    }

    /// Runs after routing and before the upstream is asked; route and service are known, the consumer from the moment
    /// an authentication plugin has named it.
    fn access<'a>(&'a self, _cx: &'a mut Cx<'_>) -> Step<'a> {
        Step::GO
    }

    /// Runs once the whole response was read; only for filters whose kind says [`crate::Phases::RESPONSE`].
    fn response<'a>(&'a self, _cx: &'a mut Cx<'_>) -> Step<'a> {
        Step::GO
    }

    /// Runs when the head of the response is known and before it is sent, whoever made it. `Err` replaces the answer;
    /// later filters still run.
    fn header(&self, _cx: &mut Cx<'_>) -> Verdict {
        GO
    }

    /// Says whether [`Filter::chunk`] is to see the body; asked after all headers ran, before the head is written.
    /// A body that anyone wants is sent without Content-Length.
    fn wants_body(&self, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// Sees, and may change, each part of the response body; the last is [`Part::End`], before which
    /// [`Cx::tail`] takes what was kept back.
    fn chunk(&self, _cx: &mut Cx<'_>, _part: &mut Part) {}

    /// Runs when the answer has been sent or has failed; nothing can be changed any more.
    fn log(&self, _cx: &mut Cx<'_>) {}
}
