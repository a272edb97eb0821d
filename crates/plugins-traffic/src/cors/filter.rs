//! Answering preflights, and putting the headers on answers.

use gibbon_sdk::http::{Headers, Method};
use gibbon_sdk::{BuildError, Cx, Filter, GO, Reply, Step, Verdict};

use super::origin::{Origin, Pattern};
use super::{Config, METHODS};

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";

/// A configured `cors`.
pub struct CorsFilter {
    patterns: Vec<Pattern>,
    /// Allowed request headers as sent; `None` repeats what is asked for.
    headers: Option<String>,
    exposed: Option<String>,
    methods: String,
    max_age: Option<String>,
    credentials: bool,
    private_network: bool,
    preflight_continue: bool,
    allow_origin_absent: bool,
}

/// Whether everybody is let in, so that credentials need the origin spelled out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LetIn {
    Everybody,
    Some,
}

/// When headers are being set: on a preflight's answer they replace, on others they join the upstream's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Preflight,
    Answer,
}

/// That this request was a preflight, so that its answer is left alone.
#[derive(Default)]
struct Preflight(bool);

impl CorsFilter {
    pub(super) fn new(config: Config) -> Result<Self, BuildError> {
        let join = |list: Option<Vec<String>>| list.filter(|list| !list.is_empty()).map(|list| list.join(","));
        let origins = config.origins.unwrap_or_default();
        Ok(Self {
            patterns: origins.iter().map(|entry| Pattern::parse(entry)).collect::<Result<_, _>>()?,
            headers: join(config.headers),
            exposed: join(config.exposed_headers),
            methods: config.methods.map_or_else(|| METHODS.join(","), |methods| methods.join(",")),
            max_age: config.max_age.map(|seconds| seconds.to_string()),
            credentials: config.credentials,
            private_network: config.private_network,
            preflight_continue: config.preflight_continue,
            allow_origin_absent: config.allow_origin_absent,
        })
    }

    /// Sets `Access-Control-Allow-Origin`, and `Vary` where it depends on the request.
    fn allow_origin(&self, headers: &mut Headers, on: On, asked: Option<&str>) -> LetIn {
        if matches!(self.patterns.as_slice(), [] | [Pattern::Any]) {
            headers.set(ALLOW_ORIGIN, "*");
            return LetIn::Everybody;
        }
        vary(headers, on);
        if let [Pattern::Plain { text, .. }] = self.patterns.as_slice() {
            headers.set(ALLOW_ORIGIN, text);
            return LetIn::Some;
        }
        let origin = asked.map(Origin::parse);
        if origin.is_some() && self.patterns.iter().any(|pattern| matches!(pattern, Pattern::Any)) {
            headers.set(ALLOW_ORIGIN, "*");
            return LetIn::Everybody;
        }
        match origin.filter(|origin| self.patterns.iter().any(|pattern| pattern.admits(origin))) {
            Some(origin) => headers.set(ALLOW_ORIGIN, origin.domain),
            None => {
                headers.remove(ALLOW_ORIGIN);
            }
        }
        LetIn::Some
    }

    /// Says that credentials may come, where they may; to `*` browsers would not send any.
    fn allow_credentials(&self, headers: &mut Headers, on: On, let_in: LetIn, asked: Option<&str>) {
        if !self.credentials {
            return;
        }
        if let_in == LetIn::Everybody {
            let Some(asked) = asked else { return };
            vary(headers, on);
            headers.set(ALLOW_ORIGIN, asked);
        }
        headers.set("Access-Control-Allow-Credentials", "true");
    }

    fn answer_preflight(&self, cx: &mut Cx<'_>, origin: &str) -> Reply {
        let asked = &cx.request.as_deref().expect("invariant: access runs only with a parsed head").head.headers;
        let headers = &mut cx.response.head.headers;
        let let_in = self.allow_origin(headers, On::Preflight, Some(origin));
        self.allow_credentials(headers, On::Preflight, let_in, Some(origin));
        match self.headers.as_deref().map(str::as_bytes).or_else(|| asked.get("Access-Control-Request-Headers")) {
            Some(allowed) => headers.set("Access-Control-Allow-Headers", allowed),
            None => {
                headers.remove("Access-Control-Allow-Headers");
            }
        }
        headers.set("Access-Control-Allow-Methods", &self.methods);
        if let Some(seconds) = &self.max_age {
            headers.set("Access-Control-Max-Age", seconds);
        }
        if self.private_network && asked.get("Access-Control-Request-Private-Network") == Some(b"true") {
            headers.set("Access-Control-Allow-Private-Network", "true");
        }
        Reply::empty(200)
    }
}

impl Filter for CorsFilter {
    fn access<'a>(&'a self, cx: &'a mut Cx<'_>) -> Step<'a> {
        let head = &cx.request().head;
        if head.method != Method::Options || !head.headers.contains("Access-Control-Request-Method") {
            return Step::GO;
        }
        let Some(origin) = origin_of(&head.headers).map(str::to_owned) else { return Step::GO };
        cx.slot::<Preflight>().0 = true;
        if self.preflight_continue {
            return Step::GO;
        }
        Step::stop(self.answer_preflight(cx, &origin))
    }

    fn header(&self, cx: &mut Cx<'_>) -> Verdict {
        if cx.slots.get::<Preflight>().is_some_and(|preflight| preflight.0) {
            return GO;
        }
        let origin = cx.request.as_deref().and_then(|request| origin_of(&request.head.headers));
        if origin.is_none() && !self.allow_origin_absent {
            return GO;
        }
        let headers = &mut cx.response.head.headers;
        let let_in = self.allow_origin(headers, On::Answer, origin);
        self.allow_credentials(headers, On::Answer, let_in, origin);
        if let Some(exposed) = &self.exposed {
            headers.set("Access-Control-Expose-Headers", exposed);
        }
        GO
    }
}

/// Returns the Origin, unless it is missing, empty or no text.
fn origin_of(headers: &Headers) -> Option<&str> {
    headers.get_str("Origin").filter(|origin| !origin.is_empty())
}

fn vary(headers: &mut Headers, on: On) {
    match on {
        On::Preflight => headers.set("vary", "Origin"),
        On::Answer => headers.append("vary", "Origin"),
    }
}
