//! Whether what happened to a request is what its case demands, and what every case demands: one message for one
//! request, read the same way by all. It sends nothing.

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

use crate::bench::ANN;
use crate::bench::Observed;
use crate::case::Case;
use crate::case::Check;
use crate::case::Expect;
use crate::case::Kind;
use crate::case::Then;
use crate::seen::Message;
use crate::seen::Seen;
use crate::seen::lossy;

/// Judges a case by what happened on each bench.
pub(crate) fn request(case: &Case, observed: &[(&str, &anyhow::Result<Observed>)]) -> anyhow::Result<()> {
    let mut first: Option<(&str, Vec<Message>)> = None;
    for (name, observed) in observed {
        let observed = observed.as_ref().map_err(|error| anyhow::anyhow!("{name}: {error:#}"))?;
        let show = || format!("{name}: {observed:#?}");
        let refuses = case.checks.contains(&Check::Refuses((*name).to_owned()));
        let read = outcome(case, observed, refuses).with_context(show)?;
        guarded(&read).with_context(show)?;
        if refuses {
            continue;
        }
        read.first().map_or(Ok(()), |message| checks(case, message)).with_context(show)?;
        let read: Vec<_> = read.iter().map(Message::essence).collect();
        match &first {
            None => first = Some((name, read)),
            Some((other, theirs)) => {
                ensure!(read == *theirs, "read differently:\n{other}: {theirs:#?}\n{name}: {read:#?}");
            }
        }
    }
    Ok(())
}

/// Compares with the expectation; returns the messages that arrived.
fn outcome(case: &Case, observed: &Observed, refuses: bool) -> anyhow::Result<Vec<Message>> {
    let Observed { answers, seen, sentinels, reset } = observed;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let whole = |seen: &Seen| match seen {
        Seen::Whole(message) => Ok(message.clone()),
        other => bail!("not a whole message: {other:?}"),
    };
    let is_h2 = matches!(case.kind, Kind::Http2 { .. });
    match case.expect {
        Expect::Refused(status) => {
            ensure!(seen.is_empty() && (is_h2 || *sentinels == 0), "something went upstream");
            ensure!(statuses.first() == Some(&status), "answered {statuses:?}, not {status}");
            ensure!(is_h2 || statuses.len() == 1, "the connection lived on: {statuses:?}");
            Ok(Vec::new())
        }
        Expect::Answered(status) => {
            ensure!(seen.is_empty(), "something went upstream");
            ensure!(statuses.first() == Some(&status), "answered {statuses:?}, not {status}");
            ensure!(statuses.len() == 1 + sentinels, "{} answers to {} requests", statuses.len(), 1 + sentinels);
            Ok(Vec::new())
        }
        Expect::Reset => {
            ensure!(*reset && seen.is_empty(), "not reset, or something went upstream");
            Ok(Vec::new())
        }
        Expect::Aborted => {
            ensure!(!seen.iter().any(|seen| matches!(seen, Seen::Whole(_))), "it arrived whole");
            if is_h2 {
                ensure!(*reset || statuses.first().is_some_and(|status| *status >= 400), "answered {statuses:?}");
                return Ok(Vec::new());
            }
            ensure!(*sentinels == 0 && !statuses.contains(&200), "the connection lived on: {statuses:?}");
            Ok(Vec::new())
        }
        Expect::Forwarded(number) => {
            let then = if let Kind::Request { then, .. } = &case.kind { *then } else { Then::Pipelined };
            ensure!(*sentinels == usize::from(then == Then::Pipelined), "the next request arrived {sentinels} times");
            let mut statuses = statuses;
            if then == Then::Refused {
                ensure!(statuses.pop() == Some(400), "what follows was not refused");
            }
            ensure!(statuses.len() == number + sentinels, "{} answers: {statuses:?}", statuses.len());
            if refuses {
                ensure!(seen.len() < number && statuses[0] / 100 != 2, "it was not refused behind");
                return Ok(Vec::new());
            }
            ensure!(statuses.iter().all(|status| *status == 200), "answered {statuses:?}");
            ensure!(seen.len() == number, "{} messages arrived", seen.len());
            seen.iter().map(whole).collect()
        }
        Expect::Relayed(_) | Expect::Cut => bail!("an expectation of responses"),
    }
}

/// Whatever a case is about: what nginx takes for the guarded path or host has passed the guard.
fn guarded(read: &[Message]) -> anyhow::Result<()> {
    for message in read {
        let path = message.header("x-nginx-path").unwrap_or_default();
        let is_guarded =
            path.starts_with("/admin") || message.header("x-nginx-host").as_deref() == Some("private.test");
        ensure!(
            !is_guarded || message.header("x-consumer-id").as_deref() == Some(ANN),
            "nginx reads a guarded request that nobody asked a key for"
        );
    }
    Ok(())
}

fn checks(case: &Case, message: &Message) -> anyhow::Result<()> {
    for check in &case.checks {
        let holds = match check {
            Check::Line(line) => format!("{} {}", message.method, message.target) == *line,
            Check::Header(name, value) => {
                message.headers.iter().any(|(known, given)| known == name && lossy(given) == *value)
            }
            Check::NoHeader(name) => !message.headers.iter().any(|(known, _)| known == name),
            Check::Body(body) => message.body == *body,
            Check::Refuses(_) | Check::Reused(_) => true,
        };
        ensure!(holds, "{check:?} does not hold");
    }
    Ok(())
}
