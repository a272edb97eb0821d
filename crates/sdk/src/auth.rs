//! Authentication that several plugins share: a plugin says who it is, this says what follows. It knows no scheme of
//! credentials.
//!
//! Without `anonymous` every authentication plugin on a route must succeed (AND). With it, one success is enough (OR):
//! a plugin that finds somebody already named does nothing, and one that fails names the anonymous consumer.

use gibbon_http::Headers;
use gibbon_http::Name;
use gibbon_http::name;
use gibbon_model::entities::Consumer;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::cx::{Credential, Cx};
use crate::entity::{Find, Held, Lookup, LookupFailed};
use crate::filter::{GO, Step, Verdict};
use crate::reply::Reply;

/// The outcome of looking at a request's credentials.
pub enum Outcome<'s> {
    /// A valid credential; its consumer, where it has one.
    Known(Option<Held<'s, Consumer>>, Credential),
    /// No credential, or a bad one: the answer unless an anonymous consumer steps in.
    Refused(Box<Reply>),
}

/// Tells whether the plugin has nothing to do: with `anonymous` set, once a credential was accepted.
pub fn is_settled(cx: &Cx<'_>, anonymous: Option<&str>) -> bool {
    anonymous.is_some() && cx.credential.is_some()
}

/// Draws the consequences of an outcome: names the consumer or the anonymous one, or ends the request.
///
/// An anonymous consumer that does not exist is a 500 that says so, as in Kong.
pub fn conclude<'a, 's: 'a>(cx: &'a mut Cx<'s>, anonymous: Option<&'a str>, outcome: Outcome<'s>) -> Step<'a> {
    let reply = match outcome {
        Outcome::Known(consumer, credential) => {
            name(cx, consumer, Some(credential));
            return Step::GO;
        }
        Outcome::Refused(reply) => reply,
    };
    let Some(wanted) = anonymous else { return Step::Now(Err(reply)) };
    match find_anonymous(cx, wanted) {
        Find::Now(found) => Step::Now(name_anonymous(cx, wanted, Ok(found))),
        Find::Later(future) => Step::later(async move {
            let found = future.await;
            name_anonymous(cx, wanted, found)
        }),
    }
}

const CONSUMER_ID: Name = name!("X-Consumer-ID");
const CUSTOM_ID: Name = name!("X-Consumer-Custom-ID");
const USERNAME: Name = name!("X-Consumer-Username");
const IDENTIFIER: Name = name!("X-Credential-Identifier");
const ANONYMOUS: Name = name!("X-Anonymous-Consumer");

/// Names who the client is, and tells the upstream in `X-Consumer-*`, `X-Credential-Identifier` and
/// `X-Anonymous-Consumer`; what the client itself sent under these names is replaced or removed.
pub fn name<'s>(cx: &mut Cx<'s>, consumer: Option<Held<'s, Consumer>>, credential: Option<Credential>) {
    let request = cx.request.as_deref_mut().expect("invariant: authentication runs only with a parsed head");
    let headers = &mut request.head.headers;
    let mut text = [0; Hyphenated::LENGTH];
    remove_lookalikes(headers);
    let mut tell = |name: Name, value: Option<&str>| match value {
        Some(value) => headers.set(name, value),
        None => {
            headers.remove(name);
        }
    };
    let named = consumer.as_deref();
    tell(CONSUMER_ID, named.map(|consumer| &*consumer.id.hyphenated().encode_lower(&mut text)));
    tell(CUSTOM_ID, named.and_then(|consumer| consumer.custom_id.as_deref()));
    tell(USERNAME, named.and_then(|consumer| consumer.username.as_deref()));
    let identifier = credential.as_ref().and_then(|credential| match (&credential.identifier, credential.id) {
        (Some(identifier), _) => Some(&**identifier),
        (None, Some(id)) => Some(&*id.hyphenated().encode_lower(&mut text)),
        (None, None) => None,
    });
    tell(IDENTIFIER, identifier);
    tell(ANONYMOUS, credential.is_none().then_some("true"));
    cx.consumer = consumer;
    cx.credential = credential;
}

/// Removes what the client sent as `X_Consumer_ID` and the like: CGI, WSGI and others take it for the same variable.
fn remove_lookalikes(headers: &mut Headers) {
    const SAID: [&[u8]; 5] = [
        b"x-consumer-id",
        b"x-consumer-custom-id",
        b"x-consumer-username",
        b"x-credential-identifier",
        b"x-anonymous-consumer",
    ];
    let is_lookalike = |name: &[u8]| {
        let folds_to = |said: &[u8]| {
            let same = |(a, b): (&u8, &u8)| *b == if *a == b'_' { b'-' } else { a.to_ascii_lowercase() };
            said.len() == name.len() && name.iter().zip(said).all(same)
        };
        SAID.into_iter().any(folds_to) && name.contains(&b'_')
    };
    if headers.iter().any(|(name, _)| is_lookalike(name)) {
        headers.retain(|name, _| !is_lookalike(name));
    }
}

/// Finds the anonymous consumer by id, or by username when the text is no id.
fn find_anonymous<'s>(cx: &Cx<'s>, wanted: &str) -> Find<'s, Consumer> {
    match Uuid::try_parse(wanted) {
        Ok(id) => cx.find_consumer(Lookup::Id(id)),
        Err(_) => cx.find_consumer(Lookup::Key(wanted)),
    }
}

fn name_anonymous<'s>(
    cx: &mut Cx<'s>,
    wanted: &str,
    found: Result<Option<Held<'s, Consumer>>, LookupFailed>,
) -> Verdict {
    match found {
        Ok(Some(consumer)) => {
            name(cx, Some(consumer), None);
            GO
        }
        Ok(None) => {
            tracing::error!(consumer = wanted, "the anonymous consumer of an authentication plugin does not exist");
            let message = format!("anonymous consumer {wanted} is configured but doesn't exist");
            Err(Box::new(Reply::error(500, message)))
        }
        Err(failed) => {
            tracing::error!(error = %failed, "the anonymous consumer could not be looked up");
            Err(Box::new(Reply::status(500)))
        }
    }
}
