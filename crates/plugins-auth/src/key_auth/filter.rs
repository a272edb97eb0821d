//! Finding the key in a request, and whom it belongs to.

use std::borrow::Cow;
use std::sync::Arc;

use gibbon_sdk::auth::{self, Outcome};
use gibbon_sdk::form::{Form, Found};
use gibbon_sdk::http::Method;
use gibbon_sdk::http::query::Args;
use gibbon_sdk::{Credential, Cx, Env, Filter, Find, Held, Lookup, LookupFailed, Reply, Step};

use super::{Config, KeyCredential};

/// A configured `key-auth`.
pub struct KeyAuthFilter {
    config: Config,
    /// Largest body that is searched; a larger one counts as holding no key (`client_body_buffer_size`).
    body_limit: usize,
    challenge: String,
}

/// What a request shows under one of the names.
enum Shown<'r> {
    Nothing,
    Key(Cow<'r, [u8]>),
    Several,
}

impl KeyAuthFilter {
    pub(super) fn new(config: Config, env: &Arc<Env>) -> Self {
        let challenge = match &config.realm {
            Some(realm) => format!("Key realm=\"{realm}\""),
            None => "Key".to_owned(),
        };
        Self { config, body_limit: env.body_buffer_size(), challenge }
    }

    fn refuse(&self, message: &'static str) -> Outcome<'static> {
        Outcome::Refused(Box::new(Reply::error(401, message).with("WWW-Authenticate", &self.challenge)))
    }

    /// Looks for the key, and takes it out of what the upstream gets where that is asked for.
    ///
    /// Names are tried in order, each in header, query and body; several values under one name are refused.
    fn judge<'a, 's: 'a>(&'a self, cx: &'a mut Cx<'s>, form: Option<&mut Form>) -> Step<'a> {
        let shown = self.config.key_names.iter().find_map(|name| match self.look(cx, form.as_deref(), name) {
            Shown::Nothing => None,
            shown => Some((name, shown)),
        });
        let (name, found) = match shown {
            None => (None, Err(self.refuse("No API key found in request"))),
            Some((_, Shown::Several)) => (None, Err(self.refuse("Duplicate API key found"))),
            Some((name, Shown::Key(key))) => (Some(name), self.find(cx, &key)),
            Some((_, Shown::Nothing)) => (None, Err(self.refuse("No API key found in request"))),
        };
        if let (Some(name), true) = (name, self.config.hide_credentials) {
            hide(cx, form, name);
        }
        match found {
            Err(refused) => auth::conclude(cx, self.config.anonymous.as_deref(), refused),
            Ok(Find::Now(found)) => self.conclude(cx, found),
            Ok(Find::Later(future)) => Step::later(async move {
                match future.await {
                    Ok(found) => self.conclude(cx, found).settle().await,
                    Err(failed) => Err(unavailable(&failed)),
                }
            }),
        }
    }

    fn look<'r>(&self, cx: &'r Cx<'_>, form: Option<&Form>, name: &'r str) -> Shown<'r> {
        let request = cx.request.as_deref().expect("invariant: access runs only with a parsed head");
        if self.config.key_in_header {
            let mut values = request.head.headers.get_all(name);
            match (values.next(), values.next()) {
                (Some(_), Some(_)) => return Shown::Several,
                (Some(value), None) => return Shown::Key(Cow::Borrowed(value)),
                (None, _) => {}
            }
        }
        if self.config.key_in_query
            && let Some(query) = cx.query()
        {
            let args = Args::parse(query, gibbon_sdk::MAX_ARGUMENTS);
            let mut values = args.get_all(name);
            match (values.next(), values.next()) {
                (Some(_), Some(_)) => return Shown::Several,
                (Some(value), None) => return Shown::Key(Cow::Owned(value.unwrap_or_default().to_vec())),
                (None, _) => {}
            }
        }
        match form.map(|form| form.find(name)) {
            Some(Found::Text(key)) => Shown::Key(Cow::Owned(key)),
            Some(Found::Several) => Shown::Several,
            Some(Found::Nothing) | None => Shown::Nothing,
        }
    }

    /// Starts the look-up of a key. Stored keys are text, so other bytes cannot be one.
    fn find<'s>(&self, cx: &Cx<'s>, key: &[u8]) -> Result<Find<'s, KeyCredential>, Outcome<'static>> {
        match std::str::from_utf8(key) {
            Ok("") => Err(self.refuse("No API key found in request")),
            Ok(key) => Ok(cx.find(Lookup::Key(key))),
            Err(_) => Err(self.refuse("Unauthorized")),
        }
    }

    /// Names the consumer of the credential that was found.
    fn conclude<'a, 's: 'a>(&'a self, cx: &'a mut Cx<'s>, found: Option<Held<'s, KeyCredential>>) -> Step<'a> {
        let anonymous = self.config.anonymous.as_deref();
        let Some(found) = found else { return auth::conclude(cx, anonymous, self.refuse("Unauthorized")) };
        let consumer = found.consumer.id;
        let credential = Credential { id: Some(found.id), consumer: Some(consumer), identifier: None };
        match cx.find_consumer(Lookup::Id(consumer)) {
            Find::Now(consumer) => auth::conclude(cx, anonymous, Outcome::Known(consumer, credential)),
            Find::Later(future) => Step::later(async move {
                match future.await {
                    Ok(consumer) => auth::conclude(cx, anonymous, Outcome::Known(consumer, credential)).settle().await,
                    Err(failed) => Err(unavailable(&failed)),
                }
            }),
        }
    }
}

impl Filter for KeyAuthFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        if !self.config.run_on_preflight && cx.request().head.method == Method::Options {
            return Step::GO;
        }
        if auth::is_settled(cx, self.config.anonymous.as_deref()) {
            return Step::GO;
        }
        if !self.config.key_in_body {
            return self.judge(cx, None);
        }
        Step::later(async move {
            let mut form = read_form(cx, self.body_limit).await;
            self.judge(cx, form.as_mut()).settle().await
        })
    }
}

/// Reads the body as a form; one that is too large, breaks off or is no form holds nothing.
async fn read_form(cx: &mut Cx<'_>, limit: usize) -> Option<Form> {
    let content_type = cx.request().head.headers.get("content-type")?.to_vec();
    let body = cx.read_body(limit).await.ok()?;
    Form::parse(&content_type, body)
}

/// Takes the key out of everything that is sent upstream.
fn hide(cx: &mut Cx<'_>, form: Option<&mut Form>, name: &str) {
    cx.request().head.headers.remove(name);
    cx.clear_query_argument(name);
    if let Some(form) = form {
        form.remove(name);
        cx.upstream.body = Some(form.encode());
    }
}

fn unavailable(failed: &LookupFailed) -> Box<Reply> {
    tracing::error!(error = %failed, "a key could not be looked up");
    Box::new(Reply::status(500))
}
