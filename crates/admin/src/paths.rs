//! The table of paths: templates, the methods each takes, and what answers. It knows no entity; `routes` fills it.

use std::sync::Arc;

use http::Method;

use crate::arguments::query::decoded as decode;
use crate::routes::Handler;

/// One path of the API.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Such as `/services/{services}/routes`.
    pub(crate) template: String,
    /// The entity whose schema types queries and forms.
    pub(crate) schema: Option<&'static str>,
    /// Whether it answers as if it were not there.
    pub(crate) disabled: bool,
    /// What answers each method.
    pub(crate) methods: Vec<(Method, Handler)>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(Arc<str>),
}

/// All paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    endpoints: Vec<Endpoint>,
}

/// Path parameters by name.
type Parameters = Vec<(Arc<str>, String)>;

/// A path that was found.
pub(crate) struct Found<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) parameters: Parameters,
    pub(crate) raw_parameters: Parameters,
}

impl Endpoint {
    /// Makes an endpoint without methods.
    pub(crate) fn new(template: &str, schema: Option<&'static str>) -> Self {
        let segments = split(template)
            .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => Segment::Parameter(name.into()),
                None => Segment::Literal(part.to_owned()),
            })
            .collect();
        Self { template: template.to_owned(), schema, disabled: false, methods: Vec::new(), segments }
    }

    /// Returns what answers `method`; GET answers HEAD.
    pub(crate) fn handler(&self, method: &Method) -> Option<&Handler> {
        let wanted = if *method == Method::HEAD { &Method::GET } else { method };
        self.methods.iter().find(|(held, _)| held == wanted).map(|(_, handler)| handler)
    }

    /// Returns the value of `Allow`.
    pub(crate) fn allow(&self) -> String {
        let mut names: Vec<&str> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.sort_unstable();
        names.join(", ")
    }

    fn matches(&self, parts: &[&str]) -> Option<(Parameters, Parameters)> {
        if parts.len() != self.segments.len() {
            return None;
        }
        let (mut decoded, mut raw) = (Parameters::new(), Parameters::new());
        for (segment, part) in self.segments.iter().zip(parts) {
            match segment {
                Segment::Literal(text) if text == part => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(_) if part.is_empty() => return None,
                Segment::Parameter(name) => {
                    raw.push((Arc::clone(name), (*part).to_owned()));
                    decoded.push((Arc::clone(name), decode(part.as_bytes())));
                }
            }
        }
        Some((decoded, raw))
    }
}

impl Paths {
    /// Returns the endpoint of this template, made if it was not there.
    pub(crate) fn entry(&mut self, template: &str, schema: Option<&'static str>) -> &mut Endpoint {
        let at = self.endpoints.iter().position(|endpoint| endpoint.template == template).unwrap_or_else(|| {
            self.endpoints.push(Endpoint::new(template, schema));
            self.endpoints.len() - 1
        });
        &mut self.endpoints[at]
    }

    /// Makes `handler` the answer to `method` at `template`.
    pub(crate) fn set(&mut self, template: &str, method: Method, handler: Handler) {
        let endpoint = self.entry(template, None);
        endpoint.methods.retain(|(held, _)| *held != method);
        endpoint.methods.push((method, handler));
    }

    /// Makes `handler` the answer to every method of an endpoint, if it is there.
    pub(crate) fn replace(&mut self, template: &str, handler: Handler) {
        for endpoint in self.endpoints.iter_mut().filter(|endpoint| endpoint.template == template) {
            endpoint.methods.iter_mut().for_each(|(_, held)| *held = handler);
        }
    }

    /// Makes an endpoint answer as if it were not there; it stays in the list of templates.
    pub(crate) fn disable(&mut self, template: &str) {
        for endpoint in self.endpoints.iter_mut().filter(|endpoint| endpoint.template == template) {
            endpoint.disabled = true;
        }
    }

    /// Puts literal segments before parameters, so that the first match is the right one.
    pub(crate) fn order(&mut self) {
        self.endpoints.sort_by_key(|endpoint| {
            endpoint.segments.iter().map(|segment| matches!(segment, Segment::Parameter(_))).collect::<Vec<_>>()
        });
    }

    /// Returns the endpoint of a path, which may end in one more slash.
    pub(crate) fn find(&self, path: &str) -> Option<Found<'_>> {
        let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
        let parts: Vec<&str> = split(path).collect();
        self.endpoints.iter().find_map(|endpoint| {
            let (parameters, raw_parameters) = endpoint.matches(&parts)?;
            Some(Found { endpoint, parameters, raw_parameters })
        })
    }

    /// Returns all endpoints.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Returns all templates in the order of `GET /endpoints`: by segments.
    pub(crate) fn templates(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.endpoints.iter().map(|endpoint| endpoint.template.as_str()).collect();
        all.sort_by_key(|template| template.replace('/', "\0"));
        all
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}
