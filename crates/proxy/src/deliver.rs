//! From the response to the client: the header phase, and the body as it is, as filters change it, or as the gateway
//! made it.

use gibbon_net::Exchange;
use gibbon_sdk::Cx;
use gibbon_sdk::Phases;
use gibbon_sdk::Source;
use gibbon_sdk::http::Name;
use gibbon_sdk::http::Part;
use gibbon_sdk::http::name;

use crate::cell::ExchangeCell;
use crate::serving::Serving;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::stop::Stopped;
use crate::walk::Walk;

const DATE: Name = name!("Date");

/// Runs the header phase over the response and sends it. A failure from here on cuts the answer: its head may be out.
#[expect(clippy::await_holding_refcell_ref, reason = "no plugin has its turn while the answer is sent")]
pub(crate) async fn deliver(
    serving: &Serving,
    settings: &Settings,
    cell: &ExchangeCell<'_>,
    walk: &mut Walk<'_>,
    cx: &mut Cx<'_>,
    stopped: Option<Stopped>,
) {
    if stopped == Some(Stopped::AnswerAndClose) {
        cell.turn().close_after();
    }
    let switches = cx.response.head.status == 101;
    if stopped.is_none() && cx.buffer_response && !switches {
        buffer(settings, cell, walk, cx).await;
    }
    settings.heads.before_plugins(cx);
    let wanted = walk.header(cx, |cx, reply| settings.answers.reply(cx, reply)) && !switches;
    settings.heads.after_plugins(cx, serving.nanos());
    if cx.response.source != Some(Source::Upstream) {
        cx.response.head.headers.set_safe(DATE, &[&serving.date()]);
    }

    let mut exchange = cell.turn();
    if let Some(request) = cx.request.as_deref() {
        // What the client asked decides how it is answered, whatever method the upstream got.
        exchange.request.method.clone_from(&request.head.method);
    }
    let body = cx.response.body.take();
    if body.is_some() {
        exchange.drop_upstream();
    }
    std::mem::swap(&mut exchange.response, &mut cx.response.head);
    let sent = match (body, wanted) {
        (Some(body), false) => exchange.reply(&body).await.is_ok(),
        (None, false) => exchange.relay().await.is_ok(),
        (body, true) => {
            exchange.start(None);
            filtered(&mut exchange, walk, cx, body).await
        }
    };
    std::mem::swap(&mut exchange.response, &mut cx.response.head);
    tracing::trace!(sent, "answered");
}

/// Reads the upstream's whole body into the response and runs the response phase over it.
#[expect(clippy::await_holding_refcell_ref, reason = "no plugin has its turn while the answer is read")]
async fn buffer(settings: &Settings, cell: &ExchangeCell<'_>, walk: &mut Walk<'_>, cx: &mut Cx<'_>) {
    let mut whole = Vec::new();
    let failed = loop {
        match cell.turn().read_response().await {
            Ok(Part::Data(data)) if whole.len() + data.len() > settings.response_buffer => {
                tracing::warn!(
                    limit = settings.response_buffer,
                    "an answer is too large for a plugin that wants all of it"
                );
                break Some(());
            }
            Ok(Part::Data(data)) => whole.extend_from_slice(&data),
            Ok(Part::End(_)) => break None,
            Err(_) => break Some(()),
        }
    };
    cx.response.body = Some(whole);
    if failed.is_some() {
        cell.turn().drop_upstream();
        settings.answers.stop(cx, Stop::Failed(502), None);
    } else if walk.has(Phases::RESPONSE)
        && let Err(reply) = walk.response(cx).await
    {
        settings.answers.reply(cx, *reply);
    }
}

/// Sends a body part by part through the filters that want it; returns whether it went out whole.
async fn filtered(exchange: &mut Exchange, walk: &mut Walk<'_>, cx: &mut Cx<'_>, body: Option<Vec<u8>>) -> bool {
    let mut ready = body.map(|body| [Part::Data(body), Part::END].into_iter());
    loop {
        let mut part = match &mut ready {
            Some(parts) => parts.next().unwrap_or(Part::END),
            None => match exchange.read_response().await {
                Ok(part) => part,
                Err(_) => return false,
            },
        };
        // Filters see the head as it was sent.
        std::mem::swap(&mut exchange.response, &mut cx.response.head);
        let tail = walk.chunk(cx, &mut part);
        std::mem::swap(&mut exchange.response, &mut cx.response.head);
        let last = part.is_end();
        for part in tail.into_iter().chain([part]) {
            if exchange.write(part).await.is_err() {
                return false;
            }
        }
        if last {
            return true;
        }
    }
}
