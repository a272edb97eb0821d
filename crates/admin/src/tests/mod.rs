//! Calls of the APIs over a store in memory or in a file, through the service that listeners serve.
#![allow(clippy::unwrap_used, reason = "tests")]

mod dbless;
mod generated;
mod special;
mod transport;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;

use axum::body::Body;
use futures_util::future::BoxFuture;
use gibbon_conf::Conf;
use gibbon_conf::Sources;
use gibbon_model::Catalog;
use gibbon_model::Options;
use gibbon_model::PluginKind;
use gibbon_model::entities;
use gibbon_model::entities::Upstream;
use gibbon_model::plugin::HTTP;
use gibbon_model::plugin::Scopes;
use gibbon_schema::Database;
use gibbon_schema::Field;
use gibbon_schema::Record;
use gibbon_schema::World;
use gibbon_sdk::Env;
use gibbon_store::Clock;
use gibbon_store::EmbeddedStore;
use gibbon_store::MemoryStore;
use gibbon_store::Store;
use gibbon_store::Unpublished;
use gibbon_store::Writer;
use http::HeaderMap;
use http::Request;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::AdminParts;
use crate::Apis;
use crate::Health;
use crate::HealthState;
use crate::Node;

/// A world in which ids are random and it is always the same second.
struct Still;

impl World for Still {
    fn now(&self) -> f64 {
        1_800_000_000.25
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A node that is ready and has a log.
struct Ready(Mutex<String>);

impl Node for Ready {
    fn ready_workers(&self) -> usize {
        1
    }

    fn health<'a>(&'a self, _: &'a Upstream, _: &'a [(String, u32)]) -> BoxFuture<'a, Health> {
        Box::pin(async { Health::default() })
    }

    fn set_health(&self, _: &Upstream, _: &str, _: Option<IpAddr>, _: HealthState) {}

    fn log_level(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn set_log_level(&self, level: &str) -> bool {
        level.clone_into(&mut self.0.lock().unwrap());
        true
    }
}

/// APIs to be called; the folder of their database lives as long.
struct Fixture {
    apis: Apis,
    _folder: Option<tempfile::TempDir>,
}

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Fixture {
    fn embedded() -> Self {
        Self::new(Database::On, "")
    }

    fn dbless() -> Self {
        Self::new(Database::Off, "database = off")
    }

    fn new(database: Database, file: &str) -> Self {
        let sample = Record::new([
            Field::integer().named("limit").default(5).between(1, 10),
            Field::array(Field::string()).named("words"),
        ]);
        let kind = PluginKind::new("sample", 7, Scopes::ANY, HTTP, sample);
        let options = Options { database, ..Options::default() };
        let catalog = Arc::new(Catalog::new(entities::core(), [kind], options));
        let folder = (database == Database::On).then(|| tempfile::tempdir().unwrap());
        let store: Arc<dyn Store> = match &folder {
            Some(folder) => {
                let path = folder.path().join("gibbon.db");
                Arc::new(EmbeddedStore::open(&path, Arc::clone(&catalog), Clock::system()).unwrap())
            }
            None => Arc::new(MemoryStore::new(Arc::clone(&catalog), Clock::system())),
        };
        let variables = BTreeMap::new();
        let sources = Sources { cwd: "/", default_prefix: "/p", file: Some(file), env: &variables, overrides: &[] };
        let conf = Arc::new(Conf::load(sources).unwrap());
        let writer = Arc::new(Writer::new(store, Arc::new(Still), Arc::new(Unpublished)));
        let clock = gibbon_sdk::Clock::System;
        let dbless = database == Database::Off;
        let env = Arc::new(Env::new(conf, clock, Uuid::nil(), "host".to_owned(), 1, dbless));
        let node = Arc::new(Ready(Mutex::new("notice".to_owned())));
        let apis = Apis::new(AdminParts { writer, catalog, env, routes: Vec::new(), node });
        Self { apis, _folder: folder }
    }

    /// Sends a request to the Admin API.
    async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.apis.admin.clone(), request).await
    }

    /// Sends a request to the Status API.
    async fn status(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        answer(self.apis.status.clone(), json_request(method, path, body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(json_request("GET", path, None)).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(json_request(method, path, Some(body))).await
    }

    async fn form(&self, method: &str, path: &str, form: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "a");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }
}

fn json_request(method: &str, path: &str, body: Option<Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("host", "a");
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

async fn answer(router: axum::Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(head.status != StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    Answer { status: head.status.as_u16(), headers: head.headers, text }
}
