//! Edits of bodies: urlencoded forms, multipart forms and JSON objects.

use gibbon_sdk::form::{Form, MAX_ARGUMENTS as MAX_FIELDS, Multipart};
use gibbon_sdk::http::BodyError;
use gibbon_sdk::{Cx, MAX_ARGUMENTS, Query};
use serde_json::Value;

use super::super::edits::Edit;
use super::super::expression::Fault;
use super::super::fields::Fields;
use super::RequestTransformerFilter;

/// A type of body that can be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Json,
    Multipart,
    Form,
}

impl Type {
    /// Returns the type that a Content-Type speaks of, wherever in it, as Kong looks for it.
    pub(super) fn of(content_type: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
        let types = [
            ("application/json", Self::Json),
            ("multipart/form-data", Self::Multipart),
            ("application/x-www-form-urlencoded", Self::Form),
        ];
        types.into_iter().find(|(name, _)| text.contains(name)).map(|(_, found)| found)
    }
}

impl RequestTransformerFilter {
    /// Reads and edits the body. One that is too large or breaks off passes as it is.
    pub(super) async fn edit_body(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        let content_type = cx.request().head.headers.get("content-type").unwrap_or_default().to_vec();
        let Some(kind) = Type::of(&content_type) else { return Ok(()) };
        let body = match (cx.upstream.body.clone(), self.body_limit) {
            (Some(changed), _) => changed,
            (None, limit) => match cx.read_body(limit).await {
                Ok(body) => body.to_vec(),
                Err(error) => {
                    let why = if error == BodyError::TooLarge { "it is too large" } else { "it breaks off" };
                    tracing::warn!(why, "request-transformer: the body passes as it is");
                    return Ok(());
                }
            },
        };
        if kind == Type::Form && self.moves_form() {
            let fields = Fields::parse(&body, MAX_FIELDS);
            if !fields.is_empty() {
                let mut query = cx.query().map(|query| Fields::parse(query, MAX_ARGUMENTS)).unwrap_or_default();
                query.join(fields);
                cx.upstream.query = Query::Changed(Some(query.encode()));
            }
        }
        if self.body.is_empty() {
            return Ok(());
        }
        let edited = match kind {
            Type::Form => {
                let mut fields = Fields::parse(&body, MAX_FIELDS);
                self.edit_fields(cx, &self.body, &mut fields)?.then(|| fields.encode())
            }
            Type::Multipart => self.edit_multipart(cx, &content_type, &body)?,
            Type::Json => self.edit_json(cx, &body)?,
        };
        if edited.is_some() {
            cx.upstream.body = edited;
        }
        Ok(())
    }

    /// Edits a multipart form; nothing is appended there, as in Kong.
    fn edit_multipart(&self, cx: &Cx<'_>, content_type: &[u8], body: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let Some(mut form) = Multipart::parse(content_type, body) else { return Ok(None) };
        let held = |form: &Multipart, name: &str| form.values(name).next().map(<[u8]>::to_vec);
        let mut edited = !self.body.remove.is_empty();
        for Edit { name, value } in &self.body.rename {
            let new_name = String::from_utf8_lossy(&self.render(cx, value)?).into_owned();
            if let (Some(value), true) = (held(&form, name), *name != new_name) {
                form.set(&new_name, &value);
                form.remove(name);
                edited = true;
            }
        }
        for name in &self.body.remove {
            form.remove(name);
        }
        for Edit { name, value } in &self.body.replace {
            let value = self.render(cx, value)?;
            if form.remove(name) {
                form.set(name, &value);
                edited = true;
            }
        }
        for Edit { name, value } in &self.body.add {
            let value = self.render(cx, value)?;
            if held(&form, name).is_none() {
                form.set(name, &value);
                edited = true;
            }
        }
        Ok(edited.then(|| form.encode()))
    }

    /// Edits a JSON object. A list has no members to edit and is only written anew, as Kong does; what is no JSON passes
    /// as it is. An empty body counts as an empty object.
    fn edit_json(&self, cx: &Cx<'_>, body: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let mut members = match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => members,
            Err(_) if body.is_empty() => serde_json::Map::new(),
            Ok(list @ Value::Array(_)) => return Ok(serde_json::to_vec(&list).ok()),
            _ => return Ok(None),
        };
        let text = |value: &[u8]| Value::String(String::from_utf8_lossy(value).into_owned());
        let is_true = |value: Option<&Value>| !matches!(value, None | Some(Value::Bool(false)));
        let mut edited = false;
        for name in &self.body.remove {
            members.shift_remove(name);
            edited = true;
        }
        for Edit { name, value } in &self.body.rename {
            let new_name = String::from_utf8_lossy(&self.render(cx, value)?).into_owned();
            if *name != new_name && is_true(members.get(name)) {
                let value = members.shift_remove(name).unwrap_or_default();
                members.insert(new_name, value);
                edited = true;
            }
        }
        for Edit { name, value } in &self.body.replace {
            let value = self.render(cx, value)?;
            if is_true(members.get(name)) {
                members.insert(name.clone(), text(&value));
                edited = true;
            }
        }
        for Edit { name, value } in &self.body.add {
            let value = self.render(cx, value)?;
            if !is_true(members.get(name)) {
                members.insert(name.clone(), text(&value));
                edited = true;
            }
        }
        for Edit { name, value } in &self.body.append {
            let value = text(&self.render(cx, value)?);
            match members.get_mut(name) {
                Some(Value::Array(list)) => list.push(value),
                Some(held @ Value::String(_)) => *held = Value::Array(vec![held.take(), value]),
                _ => {
                    members.insert(name.clone(), Value::Array(vec![value]));
                }
            }
            edited = true;
        }
        Ok(edited.then(|| Form::Json(members).encode()))
    }
}
