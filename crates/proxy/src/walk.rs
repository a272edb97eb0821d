//! The walks over a request's plugins, phase by phase: access chooses each kind's instance when its turn comes and
//! collects it; header, body and log go over what was collected, in the same order.
//!
//! Nothing a plugin does escapes from here: a panic ends its phase, never the worker.
//!
//! ```text
//! rewrite: global chain → access: collects → header → body → log
//!                           └ never ran: header, body and log go over the global chain
//! ```

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use gibbon_sdk::Cx;
use gibbon_sdk::Filter;
use gibbon_sdk::Phases;
use gibbon_sdk::Reply;
use gibbon_sdk::Step;
use gibbon_sdk::Verdict;
use gibbon_sdk::http::Part;
use smallvec::SmallVec;

use crate::chain::Chain;
use crate::chain::Instance;

/// One plugin that takes part in a request.
struct Taking<'s> {
    instance: &'s Instance,
    /// Whether it wants to see the response's body.
    wants_body: bool,
}

/// The plugins that take part in one request.
pub(crate) struct Walk<'s> {
    global: Chain<'s>,
    /// Longer chains than this cost an allocation.
    collected: SmallVec<[Taking<'s>; 24]>,
    /// Whether access has chosen plugins; until then the global ones stand in.
    chosen: bool,
}

impl<'s> Walk<'s> {
    /// Returns the walks of a request that has not been routed yet.
    pub(crate) fn new(global: Chain<'s>) -> Self {
        Self { global, collected: SmallVec::new(), chosen: false }
    }

    /// Runs the rewrite phase of the global plugins.
    pub(crate) async fn rewrite(&self, cx: &mut Cx<'_>) -> Verdict {
        for kind in self.global.kinds() {
            if let Some(instance) = kind.instance(None).filter(|instance| instance.phases().has(Phases::REWRITE)) {
                run(instance, cx, |filter, cx| filter.rewrite(cx)).await?;
            }
        }
        Ok(())
    }

    /// Runs the access phase of `chain` and collects its plugins for the later phases.
    ///
    /// The instance of a kind is chosen with the consumer known at that moment. After one has ended the request the
    /// others are still collected: their later phases run. Source: Kong 3.10, runloop/plugins_iterator.lua.
    pub(crate) async fn access(&mut self, chain: Chain<'s>, cx: &mut Cx<'_>) -> Verdict {
        self.chosen = true;
        let mut verdict = Ok(());
        for kind in chain.kinds() {
            let consumer = cx.consumer.as_ref().map(|consumer| consumer.id);
            let Some(instance) = kind.instance(consumer) else { continue };
            self.collected.push(Taking { instance, wants_body: false });
            if verdict.is_ok() && instance.phases().has(Phases::ACCESS) {
                verdict = run(instance, cx, |filter, cx| filter.access(cx)).await;
            }
        }
        verdict
    }

    /// Returns whether a plugin of this request has a phase.
    pub(crate) fn has(&self, phase: Phases) -> bool {
        self.collected.iter().any(|taking| taking.instance.phases().has(phase))
    }

    /// Runs the response phase: the whole response has been read.
    pub(crate) async fn response(&self, cx: &mut Cx<'_>) -> Verdict {
        for taking in self.collected.iter().filter(|taking| taking.instance.phases().has(Phases::RESPONSE)) {
            run(taking.instance, cx, |filter, cx| filter.response(cx)).await?;
        }
        Ok(())
    }

    /// Takes the global plugins if access never chose any.
    fn settle(&mut self) {
        if !std::mem::replace(&mut self.chosen, true) {
            let instances = self.global.kinds().filter_map(|kind| kind.instance(None));
            self.collected.extend(instances.map(|instance| Taking { instance, wants_body: false }));
        }
    }

    /// Runs the header phase, then asks who wants the body. `replace` is called with a reply that takes the answer's place.
    ///
    /// Returns whether anyone wants the body.
    pub(crate) fn header(&mut self, cx: &mut Cx<'_>, mut replace: impl FnMut(&mut Cx<'_>, Reply)) -> bool {
        self.settle();
        for taking in &self.collected {
            if !taking.instance.phases().has(Phases::HEADER) {
                continue;
            }
            if let Some(Err(reply)) = guarded(taking.instance, || taking.instance.filter().header(cx)) {
                replace(cx, *reply);
            }
        }
        let mut wanted = false;
        for taking in &mut self.collected {
            if taking.instance.phases().has(Phases::BODY) {
                let instance = taking.instance;
                taking.wants_body = guarded(instance, || instance.filter().wants_body(cx)).unwrap_or(false);
                wanted |= taking.wants_body;
            }
        }
        wanted
    }

    /// Shows a part of the response's body to all who want it, in order.
    ///
    /// At the end a filter may hand out what it kept back: the filters after it see that as data before the end, and it
    /// is returned, to be sent before the end.
    pub(crate) fn chunk(&mut self, cx: &mut Cx<'_>, part: &mut Part) -> Option<Part> {
        let mut tail = None;
        for taking in self.collected.iter_mut().filter(|taking| taking.wants_body) {
            let instance = taking.instance;
            let mut show = |part: &mut Part| guarded(instance, || instance.filter().chunk(cx, part)).is_some();
            taking.wants_body = tail.as_mut().is_none_or(&mut show) && show(part);
            if part.is_end() && !cx.tail.is_empty() {
                match &mut tail {
                    Some(Part::Data(data)) => data.append(&mut cx.tail),
                    _ => tail = Some(Part::Data(std::mem::take(&mut cx.tail))),
                }
            }
        }
        tail
    }

    /// Runs the log phase.
    pub(crate) fn log(&mut self, cx: &mut Cx<'_>) {
        self.settle();
        for taking in self.collected.iter().filter(|taking| taking.instance.phases().has(Phases::LOG)) {
            guarded(taking.instance, || taking.instance.filter().log(cx));
        }
    }
}

/// Runs a phase that may wait; a panic is answered with 500.
async fn run<'s, 'c, 'x>(
    instance: &'s Instance,
    cx: &'c mut Cx<'x>,
    phase: impl FnOnce(&'s dyn Filter, &'c mut Cx<'x>) -> Step<'c>,
) -> Verdict
where
    's: 'c,
{
    let crashed = || Err(Box::new(Reply::status(500)));
    match guarded(instance, move || phase(instance.filter(), cx)) {
        None => crashed(),
        Some(Step::Now(verdict)) => verdict,
        Some(Step::Later(mut future)) => {
            poll_fn(|task| match guarded(instance, || future.as_mut().poll(task)) {
                Some(poll) => poll,
                None => std::task::Poll::Ready(crashed()),
            })
            .await
        }
    }
}

/// Calls into a plugin; `None` when it panicked, which is told in the log.
fn guarded<T>(instance: &Instance, call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        .inspect_err(|panic| {
            let said =
                panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(plugin = instance.name(), said, "plugin crashed");
        })
        .ok()
}
