//! Making the edits, in Kong's order: path, method, headers, body, query.

mod body;

use std::borrow::Cow;
use std::sync::Arc;

use gibbon_sdk::http::{Method, path};
use gibbon_sdk::{Cx, Env, Filter, GO, HostHeader, MAX_ARGUMENTS, Query, Reply, Step, Verdict};

use super::Config;
use super::edits::{Edit, Edits};
use super::expression::Fault;
use super::fields::Fields;
use super::template::Template;

/// A configured `request-transformer`.
pub struct RequestTransformerFilter {
    headers: Edits,
    query: Edits,
    body: Edits,
    uri: Option<Template>,
    method: Option<Method>,
    /// Largest body that is changed; a larger one passes as it is (`client_body_buffer_size`).
    body_limit: usize,
    /// Whether templates may not be rendered (`untrusted_lua = off`).
    locked: bool,
}

impl RequestTransformerFilter {
    pub(super) fn new(config: &Config, env: &Arc<Env>) -> Self {
        let Config { remove, rename, replace, add, append, .. } = config;
        Self {
            headers: Edits::new(&remove.headers, &rename.headers, &replace.headers, &add.headers, &append.headers),
            query: Edits::new(
                &remove.querystring,
                &rename.querystring,
                &replace.querystring,
                &add.querystring,
                &append.querystring,
            ),
            body: Edits::new(&remove.body, &rename.body, &replace.body, &add.body, &append.body),
            uri: replace.uri.as_deref().map(Template::compile),
            method: config.http_method.as_deref().and_then(|method| Method::parse(method.as_bytes())),
            body_limit: env.body_buffer_size(),
            locked: env.conf.untrusted_lua == "off",
        }
    }

    fn render<'t>(&self, cx: &Cx<'_>, template: &'t Template) -> Result<Cow<'t, [u8]>, Fault> {
        if self.locked && template.is_dynamic() {
            return Err(Fault("templates are switched off by `untrusted_lua`".to_owned()));
        }
        template.render(cx)
    }

    /// Everything that needs no body.
    fn edit_head(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        if let Some(uri) = &self.uri {
            let rendered = self.render(cx, uri)?;
            cx.upstream.path.clear();
            path::escape_into(&mut cx.upstream.path, &rendered);
        }
        if let Some(method) = &self.method {
            cx.upstream.method = Some(method.clone());
        }
        self.edit_headers(cx)
    }

    /// Edits headers. Whether one is there is looked at as the edits go; Host can only be replaced.
    fn edit_headers(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        let is_host = |name: &str| name.eq_ignore_ascii_case("host");
        for name in self.headers.remove.iter().filter(|name| !is_host(name)) {
            cx.request().head.headers.remove(name);
        }
        for Edit { name, value } in &self.headers.rename {
            let new_name = String::from_utf8_lossy(&self.render(cx, value)?).into_owned();
            let headers = &mut cx.request().head.headers;
            if is_host(name) || name.eq_ignore_ascii_case(&new_name) || !headers.contains(name) {
                continue;
            }
            let values: Vec<Vec<u8>> = headers.get_all(name).map(<[u8]>::to_vec).collect();
            headers.remove(name);
            headers.remove(&new_name);
            values.iter().for_each(|value| headers.append(&new_name, value));
        }
        for Edit { name, value } in &self.headers.replace {
            let value = self.render(cx, value)?;
            if is_host(name) {
                cx.upstream.host_header = HostHeader::Fixed(String::from_utf8_lossy(&value).into_owned());
            } else if cx.request().head.headers.contains(name) {
                cx.request().head.headers.set(name, value);
            }
        }
        for Edit { name, value } in self.headers.add.iter().filter(|edit| !is_host(&edit.name)) {
            let value = self.render(cx, value)?;
            let headers = &mut cx.request().head.headers;
            if !headers.contains(name) {
                headers.append(name, value);
            }
        }
        for Edit { name, value } in self.headers.append.iter().filter(|edit| !is_host(&edit.name)) {
            let value = self.render(cx, value)?;
            cx.request().head.headers.append(name, value);
        }
        Ok(())
    }

    fn edit_query(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        if self.query.is_empty() {
            return Ok(());
        }
        let mut fields = cx.query().map(|query| Fields::parse(query, MAX_ARGUMENTS)).unwrap_or_default();
        self.edit_fields(cx, &self.query, &mut fields)?;
        cx.upstream.query = Query::Changed((!fields.is_empty()).then(|| fields.encode()));
        Ok(())
    }

    /// Makes edits over named values; returns whether any was made.
    fn edit_fields(&self, cx: &Cx<'_>, edits: &Edits, fields: &mut Fields) -> Result<bool, Fault> {
        let mut edited = !edits.remove.is_empty();
        edits.remove.iter().for_each(|name| fields.remove(name.as_bytes()));
        for Edit { name, value } in &edits.rename {
            edited |= fields.rename(name.as_bytes(), &self.render(cx, value)?);
        }
        for Edit { name, value } in &edits.replace {
            let value = self.render(cx, value)?;
            if fields.contains(name.as_bytes()) {
                fields.set(name.as_bytes(), &value);
                edited = true;
            }
        }
        for Edit { name, value } in &edits.add {
            let value = self.render(cx, value)?;
            if !fields.contains(name.as_bytes()) {
                fields.set(name.as_bytes(), &value);
                edited = true;
            }
        }
        for Edit { name, value } in &edits.append {
            fields.append(name.as_bytes(), &self.render(cx, value)?);
            edited = true;
        }
        Ok(edited)
    }

    /// Tells whether the body has to be read: it is edited, or it moves into the query of a request without one.
    fn needs_body(&self, cx: &mut Cx<'_>) -> bool {
        let content_type = cx.request().head.headers.get("content-type").unwrap_or_default();
        match body::Type::of(content_type) {
            None => false,
            Some(body::Type::Form) if self.moves_form() => true,
            Some(_) => !self.body.is_empty(),
        }
    }

    /// Tells whether the fields of a form are put into the query too: the new method usually has no body.
    const fn moves_form(&self) -> bool {
        matches!(self.method, Some(Method::Get | Method::Head | Method::Trace))
    }
}

impl Filter for RequestTransformerFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        if let Err(fault) = self.edit_head(cx) {
            return Step::Now(failed(&fault));
        }
        if !self.needs_body(cx) {
            return Step::Now(self.edit_query(cx).map_or_else(|fault| failed(&fault), |()| GO));
        }
        Step::later(async move {
            let edited = self.edit_body(cx).await.and_then(|()| self.edit_query(cx));
            edited.map_or_else(|fault| failed(&fault), |()| GO)
        })
    }
}

fn failed(fault: &Fault) -> Verdict {
    tracing::error!(%fault, "request-transformer: a template could not be rendered");
    Err(Box::new(Reply::status(500)))
}
