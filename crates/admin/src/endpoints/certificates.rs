//! Certificates by name: a SNI stands for its certificate in paths, and a PUT by name adds the name to the list.
//! The store writes `snis` of a certificate's body together with it.

use std::sync::Arc;

use gibbon_store::Key;
use gibbon_store::WriteError;
use http::Method;
use http::StatusCode;
use serde_json::Value;

use crate::Admin;
use crate::call::BodyForm;
use crate::call::Call;
use crate::generic;
use crate::generic::Target;
use crate::generic::Verb;
use crate::reply::Outcome;
use crate::reply::Reply;

const ENTITY: &str = "certificates";

/// A path key that was read: the certificate's id, and the name if it was one.
struct Named {
    id: String,
    name: Option<String>,
}

/// Reads the path key. An unknown name is a new certificate for PUT, else not found.
async fn key(admin: &Admin, call: &Call) -> Result<Named, Box<Reply>> {
    let key = call.parameter(ENTITY).to_owned();
    if admin.is_id(&key) {
        return Ok(Named { id: key, name: None });
    }
    let sni = admin.writer.get("snis", Key::Field { name: "name", value: &key }).await?;
    let id = match sni.as_ref().and_then(|sni| sni.get("certificate")?.get("id")?.as_str()) {
        Some(id) => id.to_owned(),
        None if call.method == Method::PUT => admin.new_id(),
        None => return Err(Box::new(Reply::message(StatusCode::NOT_FOUND, "SNI not found"))),
    };
    Ok(Named { id, name: Some(key) })
}

/// Answers `/certificates/K`.
pub(super) async fn one(admin: &Arc<Admin>, mut call: Call) -> Outcome {
    let key = key(admin, &call).await?;
    if matches!(call.method, Method::PUT | Method::PATCH) {
        prepare_names(&mut call, key.name);
    }
    let verb = Verb::of(&call.method);
    call.set_parameter(ENTITY, key.id.clone());
    if verb == Verb::Get && admin.select(ENTITY, &key.id).await?.is_none() {
        return Err(WriteError::not_found("id", &key.id).into());
    }
    generic::run(admin, verb, Target::Own(ENTITY), call).await
}

/// Makes a list of `snis`. A PUT by name includes that name; a PUT without any clears the list.
fn prepare_names(call: &mut Call, name: Option<String>) {
    let replaces = call.method == Method::PUT;
    let texts = call.form == BodyForm::Form;
    let mut names = match call.body.remove("snis") {
        Some(Value::Array(names)) => names,
        Some(one @ Value::String(_)) => vec![one],
        Some(other) => return drop(call.body.insert("snis".to_owned(), other)),
        None if replaces => return drop(call.body.insert("snis".to_owned(), Value::Null)),
        None => return,
    };
    if texts {
        names.iter_mut().filter(|name| name.as_str() == Some("")).for_each(|name| *name = Value::Null);
    }
    if let Some(name) = name.filter(|name| replaces && !names.iter().any(|held| held.as_str() == Some(name))) {
        names.push(name.into());
    }
    call.body.insert("snis".to_owned(), Value::Array(names));
}

/// Answers `/certificates/K/snis` and `/certificates/K/snis/S`.
pub(super) async fn below(admin: &Arc<Admin>, mut call: Call) -> Outcome {
    const BELOW: Target = Target::Below { parent: ENTITY, field: "certificate", child: "snis" };
    let key = key(admin, &call).await?;
    let one = !call.parameter("snis").is_empty();
    let verb = match (&call.method, one) {
        (method, true) => Verb::of(method),
        (&Method::POST, false) => Verb::Create,
        (_, false) => Verb::List,
    };
    call.set_parameter(ENTITY, key.id);
    generic::run(admin, verb, BELOW, call).await
}
