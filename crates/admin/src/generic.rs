//! The endpoints that an entity's definition makes: collections, members, what is nested below a parent, and what a
//! foreign field points to. Rules: Kong's `api/endpoints.lua`.

use std::sync::Arc;

use gibbon_schema::Document;
use gibbon_store::Key;
use http::Method;
use http::StatusCode;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use serde_json::json;

use crate::Admin;
use crate::call::BodyForm;
use crate::call::Call;
use crate::listing;
use crate::reply::Outcome;
use crate::reply::Reply;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Create,
    Get,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// Returns what a method does to a member of a collection.
    pub(crate) fn of(method: &Method) -> Self {
        match *method {
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => Self::Get,
        }
    }
}

/// To what it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/E` and `/E/{E}`.
    Own(&'static str),
    /// `/P/{P}/E` and `/P/{P}/E/{E}`: what has the parent in its foreign field.
    Below { parent: &'static str, field: &'static str, child: &'static str },
    /// `/E/{E}/field`: what the foreign field points to.
    Referenced { entity: &'static str, field: &'static str, target: &'static str },
}

/// Answers a call.
pub(crate) async fn run(admin: &Arc<Admin>, verb: Verb, target: Target, call: Call) -> Outcome {
    match target {
        Target::Own(entity) => match verb {
            Verb::List => listing::list(admin, entity, &call).await,
            Verb::Create => create(admin, entity, call).await,
            _ => {
                let key = call.parameter(entity).to_owned();
                member(admin, verb, entity, &key, call).await
            }
        },
        Target::Below { parent, field, child } => below(admin, verb, parent, field, child, call).await,
        Target::Referenced { entity, field, target } => referenced(admin, verb, entity, field, target, call).await,
    }
}

async fn create(admin: &Arc<Admin>, entity: &'static str, call: Call) -> Outcome {
    let made = admin.writer.create(entity, call.body).await?;
    Ok(Reply::json(StatusCode::CREATED, &Value::Object(made)))
}

/// Reads, writes or deletes the document of a key.
async fn member(admin: &Arc<Admin>, verb: Verb, entity: &'static str, key: &str, mut call: Call) -> Outcome {
    let document = match verb {
        Verb::Get => admin.select(entity, key).await?,
        Verb::Put => Some(admin.writer.upsert(entity, admin.writer.key(entity, key)?, call.body).await?),
        Verb::Patch => {
            if entity == "plugins" {
                name_plugin(admin, key, &mut call).await?;
            }
            Some(admin.writer.update(entity, admin.writer.key(entity, key)?, call.body).await?)
        }
        _ => {
            admin.writer.delete(entity, admin.writer.key(entity, key)?).await?;
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
    };
    Ok(document.map_or_else(Reply::not_found, |document| Reply::ok(&Value::Object(document))))
}

/// Adds the stored name to a change of a plugin, without which nobody knows the types of its `config`.
async fn name_plugin(admin: &Admin, key: &str, call: &mut Call) -> Result<(), Box<Reply>> {
    if !call.body.contains_key("name") {
        let Some(stored) = admin.select("plugins", key).await? else { return Err(Box::new(Reply::not_found())) };
        call.body.insert("name".to_owned(), stored.get("name").cloned().unwrap_or(Value::Null));
    }
    if call.form == BodyForm::Form {
        admin.infer("plugins", &mut call.body);
    }
    Ok(())
}

async fn below(
    admin: &Arc<Admin>,
    verb: Verb,
    parent: &'static str,
    field: &'static str,
    child: &'static str,
    mut call: Call,
) -> Outcome {
    let Some(owner) = admin.select(parent, call.parameter(parent)).await? else { return Ok(Reply::not_found()) };
    let id = admin.id_of(parent, &owner);
    let reference = json!({ admin.primary_key(parent): id });
    match verb {
        Verb::List => return listing::list_below(admin, parent, field, child, &id, &call).await,
        Verb::Create => {
            call.body.insert(field.to_owned(), reference);
            return create(admin, child, call).await;
        }
        Verb::Put => drop(call.body.insert(field.to_owned(), reference)),
        Verb::Get | Verb::Patch | Verb::Delete => {
            let found = admin.select(child, call.parameter(child)).await?;
            if found.is_none_or(|found| found.get(field) != Some(&reference)) {
                return Ok(Reply::not_found());
            }
            if verb == Verb::Patch {
                call.body.entry(field).or_insert(reference);
            }
        }
    }
    let key = call.parameter(child).to_owned();
    member(admin, verb, child, &key, call).await
}

async fn referenced(
    admin: &Arc<Admin>,
    verb: Verb,
    entity: &'static str,
    field: &'static str,
    target: &'static str,
    call: Call,
) -> Outcome {
    let Some(holder) = admin.select(entity, call.parameter(entity)).await? else { return Ok(Reply::not_found()) };
    let linked = holder.get(field).and_then(|key| key.get(admin.primary_key(target))?.as_str());
    match (verb, linked) {
        (Verb::Delete, Some(_)) => Ok(Reply::method_not_allowed()),
        (Verb::Get, Some(id)) => {
            let mut found = admin.select(target, id).await?;
            // Kong reads names with a certificate only where certificates are asked for by themselves.
            if let Some(snis) =
                found.as_mut().and_then(|found| found.get_mut("snis")).filter(|_| target == "certificates")
            {
                *snis = Value::Null;
            }
            Ok(found.map_or_else(Reply::not_found, |found| Reply::ok(&Value::Object(found))))
        }
        (_, Some(id)) => member(admin, verb, target, id, call).await,
        (Verb::Put, None) => {
            let id = admin.new_id();
            let made = admin.writer.upsert(target, Key::Id(&id), call.body).await?;
            let link = Document::from_iter([(field.to_owned(), json!({ admin.primary_key(target): id }))]);
            admin.writer.update(entity, Key::Id(&admin.id_of(entity, &holder)), link).await?;
            Ok(Reply::ok(&Value::Object(made)))
        }
        (_, None) => Ok(Reply::not_found()),
    }
}

/// Escapes a text for a query, as nginx's Lua module does.
pub(crate) fn escaped(text: &str) -> String {
    const KEPT: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &KEPT).to_string()
}
