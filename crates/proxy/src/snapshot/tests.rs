//! Snapshots against what a full compile of the same documents gives, and the promises of the parts: which instance
//! wins, what a change leaves alone, what is dropped when.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use gibbon_http::Headers;
use gibbon_model::Document;
use gibbon_model::entities::Upstream;
use gibbon_model::plugin::HTTP;
use gibbon_model::plugin::PluginKind;
use gibbon_model::plugin::Scopes;
use gibbon_schema::Operation;
use gibbon_schema::Record;
use gibbon_schema::Typed;
use gibbon_schema::Value;
use gibbon_sdk::BuildError;
use gibbon_sdk::Filter;
use gibbon_sdk::Phases;
use gibbon_sdk::PluginDef;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::chain::Instance;

mod lookups;

/// A world in which nothing moves.
struct Still;

impl gibbon_schema::World for Still {
    fn now(&self) -> f64 {
        0.0
    }

    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn random(&self, _: &mut [u8]) {}
}

struct Nothing;

impl Filter for Nothing {}

fn kind(name: &'static str, priority: i32) -> PluginDef {
    PluginDef {
        code: "tests",
        kind: PluginKind::new(name, priority, Scopes::ANY, HTTP, Record::default()),
        phases: Phases::HEADER,
        entities: Vec::new(),
        admin: Vec::new(),
        build: Arc::new(|config, _, _| match config["broken"].as_bool() {
            Some(true) => Err(BuildError("`broken` is set".to_owned())),
            _ => Ok(Arc::new(Nothing)),
        }),
        start: |_| {},
    }
}

fn compiler() -> Compiler {
    let (env, _) = gibbon_sdk::testing::env(&[]);
    Compiler::new(env, vec![kind("low", 1), kind("a-mid", 5), kind("b-mid", 5), kind("high", 9)])
}

fn id(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

fn reference(number: Option<usize>) -> Value {
    number.map_or(Value::Null, |number| json!({"id": id(number)}))
}

fn document(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

fn service(number: usize, enabled: bool) -> Document {
    document(json!({"id": id(number), "protocol": "http", "host": "echo.test", "port": 80, "enabled": enabled}))
}

fn route(number: usize, service: Option<usize>, path: &str) -> Document {
    document(json!({
        "id": id(number), "protocols": ["http", "https"], "https_redirect_status_code": 426, "strip_path": true,
        "preserve_host": false, "request_buffering": true, "response_buffering": true,
        "service": reference(service), "paths": [path],
    }))
}

/// A plugin with its route, service and consumer.
fn plugin(number: usize, name: &str, owners: [Option<usize>; 3]) -> Document {
    document(json!({
        "id": id(number), "name": name, "enabled": true, "protocols": ["http"], "config": {},
        "route": reference(owners[0]), "service": reference(owners[1]), "consumer": reference(owners[2]),
    }))
}

fn find<'s>(snapshot: &'s Snapshot, path: &str) -> Option<Match<'s>> {
    snapshot.find(&Key::get(b"", path.as_bytes(), &Headers::default()))
}

/// The ids of the instances that run on a path for a consumer, in order; of the global ones if no route takes it.
fn running(snapshot: &Snapshot, path: &str, consumer: Option<usize>) -> Vec<usize> {
    let chain = find(snapshot, path).map_or(snapshot.global_chain(), |found| snapshot.chain(found.found.route));
    chain.kinds().filter_map(|kind| kind.instance(consumer.map(id))).map(|one| one.id().as_u128() as usize).collect()
}

fn apply(compiler: &mut Compiler, changes: &[(&str, usize, Option<Document>)]) -> Vec<CompileError> {
    let ids: Vec<String> = changes.iter().map(|(_, number, _)| id(*number).to_string()).collect();
    let changes = changes.iter().zip(&ids);
    compiler.apply(changes.map(|((entity, _, document), id)| (*entity, id.as_str(), document.as_ref())))
}

fn put(compiler: &mut Compiler, entity: &str, document: Document) -> Vec<CompileError> {
    let number = document["id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128() as usize;
    apply(compiler, &[(entity, number, Some(document))])
}

#[test]
fn the_most_specific_instance_wins() {
    let mut compiler = compiler();
    put(&mut compiler, "services", service(10, true));
    put(&mut compiler, "routes", route(20, Some(10), "/a"));
    put(&mut compiler, "routes", route(21, Some(10), "/b"));
    put(&mut compiler, "routes", route(22, None, "/c"));
    // From the least to the most specific; each addition takes over for the requests that it fits.
    let mut steps = vec![
        (100, [None, None, None], [[100, 100], [100, 100], [100, 100]]),
        (101, [None, Some(10), None], [[101, 101], [101, 101], [100, 100]]),
        (102, [Some(20), None, None], [[102, 102], [101, 101], [100, 100]]),
        (103, [None, None, Some(30)], [[102, 103], [101, 103], [100, 103]]),
        (104, [Some(20), Some(10), None], [[104, 104], [101, 103], [100, 103]]),
        (105, [None, Some(10), Some(30)], [[104, 105], [101, 105], [100, 103]]),
        (106, [Some(20), None, Some(30)], [[104, 106], [101, 105], [100, 103]]),
        (107, [Some(20), Some(10), Some(30)], [[104, 107], [101, 105], [100, 103]]),
        // Tied to a service that is not the route's: never runs.
        (108, [Some(21), Some(11), None], [[104, 107], [101, 105], [100, 103]]),
    ];
    let check = |compiler: &Compiler, want: [[usize; 2]; 3]| {
        for (path, want) in ["/a", "/b", "/c"].into_iter().zip(want) {
            for (consumer, want) in [None, Some(30)].into_iter().zip(want) {
                assert_eq!(running(&compiler.snapshot(), path, consumer), [want], "{path} {consumer:?}");
            }
        }
    };
    for (number, owners, want) in &steps {
        assert!(put(&mut compiler, "plugins", plugin(*number, "low", *owners)).is_empty());
        check(&compiler, *want);
    }
    while let Some((number, _, _)) = steps.pop() {
        apply(&mut compiler, &[("plugins", number, None)]);
        match steps.last() {
            Some((_, _, want)) => check(&compiler, *want),
            None => {
                assert!(compiler.snapshot().chain(find(&compiler.snapshot(), "/a").unwrap().found.route).is_empty())
            }
        }
    }
}

#[test]
fn runs_by_priority_then_by_name_backward() {
    let mut compiler = compiler();
    put(&mut compiler, "services", service(10, true));
    put(&mut compiler, "routes", route(20, Some(10), "/a"));
    put(&mut compiler, "plugins", plugin(1, "low", [Some(20), None, None]));
    put(&mut compiler, "plugins", plugin(2, "a-mid", [None, None, None]));
    put(&mut compiler, "plugins", plugin(3, "b-mid", [None, Some(10), None]));
    put(&mut compiler, "plugins", plugin(4, "high", [None, None, Some(30)]));
    assert_eq!(running(&compiler.snapshot(), "/a", None), [3, 2, 1]);
    assert_eq!(running(&compiler.snapshot(), "/a", Some(30)), [4, 3, 2, 1]);
    assert_eq!(running(&compiler.snapshot(), "/none", None), [2]);
}

#[test]
fn routes_of_a_disabled_or_missing_service_are_not_there() {
    let mut compiler = compiler();
    put(&mut compiler, "routes", route(20, Some(10), "/a/b"));
    put(&mut compiler, "routes", route(21, None, "/a"));
    let route_of = |compiler: &Compiler| find(&compiler.snapshot(), "/a/b").map(|found| found.found.route.id);
    assert_eq!(route_of(&compiler), Some(id(21)));
    put(&mut compiler, "services", service(10, true));
    assert_eq!(route_of(&compiler), Some(id(20)));
    put(&mut compiler, "services", service(10, false));
    assert_eq!(route_of(&compiler), Some(id(21)));
    put(&mut compiler, "services", service(10, true));
    apply(&mut compiler, &[("services", 10, None), ("routes", 20, None)]);
    assert_eq!(route_of(&compiler), Some(id(21)));
    assert_eq!(compiler.snapshot().routes(), 1);
}

#[test]
fn a_filter_outlives_every_change_but_its_own() {
    let mut compiler = compiler();
    put(&mut compiler, "plugins", plugin(1, "low", [None, None, None]));
    let filter = |snapshot: &Snapshot| {
        let instance: Option<&Instance> = snapshot.global_chain().kinds().next().and_then(|kind| kind.instance(None));
        std::ptr::from_ref(instance.unwrap().filter()).cast::<()>() as usize
    };
    let first = compiler.snapshot();
    let mut renamed = plugin(1, "low", [None, None, None]);
    renamed.insert("instance_name".to_owned(), "mine".into());
    put(&mut compiler, "plugins", renamed.clone());
    assert_eq!(filter(&first), filter(&compiler.snapshot()));
    assert!(compiler.load([("plugins", &renamed)]).is_empty());
    assert_eq!(filter(&first), filter(&compiler.snapshot()));
}

#[test]
fn what_does_not_work_is_told_and_left_shut() {
    let mut compiler = compiler();
    put(&mut compiler, "routes", route(20, None, "/a"));
    let mut broken = plugin(1, "low", [Some(20), None, None]);
    broken.insert("config".to_owned(), json!({"broken": true}));
    let errors = put(&mut compiler, "plugins", broken);
    assert!(matches!(errors.as_slice(), [CompileError::Plugin { .. }]), "{errors:?}");
    let snapshot = compiler.snapshot();
    let kinds = snapshot.chain(find(&snapshot, "/a").unwrap().found.route).kinds();
    let phases: Vec<_> = kinds.filter_map(|kind| kind.instance(None)).map(Instance::phases).collect();
    assert_eq!(phases, [Phases::ACCESS], "it answers every request instead of letting it pass");
    assert!(put(&mut compiler, "plugins", plugin(1, "low", [Some(20), None, None])).is_empty());

    let errors = put(&mut compiler, "plugins", plugin(2, "other", [None, None, None]));
    assert_eq!(errors[0].to_string(), "other plugin is in use but not enabled");
    let errors = put(&mut compiler, "routes", route(21, None, "~/a(?!b)"));
    assert!(matches!(errors.as_slice(), [CompileError::Route { .. }]), "{errors:?}");
    let errors = put(&mut compiler, "routes", document(json!({"id": id(22)})));
    assert!(matches!(errors.as_slice(), [CompileError::Document { .. }]), "{errors:?}");
}

/// Changes at random, and after each the snapshot must be as if compiled from scratch.
#[test]
fn changes_lead_where_a_full_compile_leads() {
    let mut state = 0x5EEDu64;
    let mut dice = move |limit: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % limit
    };
    let mut live = compiler();
    let mut documents: BTreeMap<(usize, usize), (&str, Document)> = BTreeMap::new();
    for step in 0..1500 {
        let mut some = |below: usize, from: usize| (dice(2) == 0).then(|| from + dice(below));
        let (service_id, route_id, consumer_id) = (some(3, 10), some(4, 20), some(2, 30));
        let (order, entity, number, made) = match dice(5) {
            0 => {
                let number = 10 + dice(3);
                (0, "services", number, service(number, dice(4) > 0))
            }
            1 | 2 => {
                let number = 20 + dice(4);
                (1, "routes", number, route(number, service_id, ["/a", "/a/b", "~/a/\\w", "/"][dice(4)]))
            }
            _ => {
                let number = 100 + dice(12);
                let name = ["low", "a-mid", "high"][number % 3];
                (2, "plugins", number, plugin(number, name, [route_id, service_id, consumer_id]))
            }
        };
        // As in the store, no two plugins of a kind have the same owners.
        let same = |one: &Document, other: &Document| {
            ["name", "route", "service", "consumer"].iter().all(|field| one.get(*field) == other.get(*field))
        };
        if entity == "plugins" && documents.values().any(|(_, held)| same(held, &made) && held["id"] != made["id"]) {
            continue;
        }
        let after = (dice(3) > 0).then_some(made);
        match &after {
            Some(document) => documents.insert((order, number), (entity, document.clone())),
            None => documents.remove(&(order, number)),
        };
        apply(&mut live, &[(entity, number, after)]);
        let mut fresh = compiler();
        fresh.load(documents.values().map(|(entity, document)| (*entity, document)));
        let (live, fresh) = (live.snapshot(), fresh.snapshot());
        for path in ["/a", "/a/b", "/x"] {
            let route = |snapshot: &Snapshot| find(snapshot, path).map(|found| found.found.route.id);
            assert_eq!(route(&live), route(&fresh), "step {step} {path}");
            for consumer in [None, Some(30), Some(31)] {
                let (live, fresh) = (running(&live, path, consumer), running(&fresh, path, consumer));
                assert_eq!(live, fresh, "step {step} {path} {consumer:?}");
            }
        }
    }
}

#[test]
fn certificates_go_by_exact_name_then_by_wildcard() {
    let mut compiler = compiler();
    for number in 1..=4 {
        let certificate = json!({"id": id(number), "cert": "c", "key": "k"});
        assert!(put(&mut compiler, "certificates", document(certificate)).is_empty());
    }
    for (number, name) in [(1, "a.test"), (2, "*.test"), (3, "a.*"), (4, "*")] {
        let sni = json!({"id": id(number + 10), "name": name, "certificate": reference(Some(number))});
        assert!(put(&mut compiler, "snis", document(sni)).is_empty());
    }
    let shown =
        |compiler: &Compiler, sni: Option<&str>| compiler.snapshot().certificate(sni).map(|one| one.id.as_u128());
    for (sni, want) in [
        (Some("a.test"), Some(1)),
        (Some("A.test"), Some(1)),
        (Some("b.test"), Some(2)),
        (Some("a.other"), Some(3)),
        (Some("x.y.test"), Some(4)),
        (None, Some(4)),
    ] {
        assert_eq!(shown(&compiler, sni), want, "{sni:?}");
    }
    apply(&mut compiler, &[("snis", 14, None), ("snis", 11, None)]);
    assert_eq!((shown(&compiler, None), shown(&compiler, Some("a.test"))), (None, Some(2)));
}

#[test]
fn targets_stay_with_their_upstream() {
    let mut compiler = compiler();
    let target = |number: usize, text: &str| {
        document(json!({"id": id(number), "target": text, "weight": 100, "upstream": reference(Some(1))}))
    };
    put(&mut compiler, "targets", target(11, "b:1"));
    assert!(compiler.snapshot().upstream("up").is_none());
    let upstream = document(json!({"id": id(1), "name": "up"}));
    let (options, world) = (gibbon_schema::Options::default(), Still);
    let context = gibbon_schema::Context::new(options, &world);
    let upstream = gibbon_schema::prepare(&Upstream::record(), upstream, Operation::Insert, &context).unwrap();
    assert!(put(&mut compiler, "upstreams", upstream).is_empty());
    put(&mut compiler, "targets", target(12, "a:1"));
    let names = |compiler: &Compiler| -> Vec<String> {
        let snapshot = compiler.snapshot();
        snapshot.upstream("up").unwrap().targets.iter().map(|target| target.target.clone()).collect()
    };
    assert_eq!(names(&compiler), ["a:1", "b:1"]);
    apply(&mut compiler, &[("targets", 11, None)]);
    assert_eq!(names(&compiler), ["a:1"]);
}

#[test]
fn workers_see_what_is_published_and_old_snapshots_end_elsewhere() {
    let mut compiler = compiler();
    let shared = Shared::new(compiler.snapshot()).unwrap();
    let mut handle = Handle::new(&shared);
    let before = handle.snapshot().clone();
    put(&mut compiler, "routes", route(20, None, "/a"));
    shared.publish(compiler.snapshot());
    let old = Arc::downgrade(before.arc());
    assert_eq!((before.routes(), handle.snapshot().routes()), (0, 1));
    assert!(std::rc::Rc::ptr_eq(&handle.snapshot().clone(), handle.snapshot()));
    drop(before);
    let start = std::time::Instant::now();
    while old.strong_count() > 0 {
        assert!(start.elapsed().as_secs() < 10, "the old snapshot is still held");
        std::thread::yield_now();
    }
}

#[test]
fn a_vault_changes_what_refers_to_it() {
    let conf = "vault_env_prefix = a_";
    let variables = BTreeMap::from([("A_X".to_owned(), "one".to_owned()), ("B_X".to_owned(), "two".to_owned())]);
    let conf = gibbon_conf::Conf::load(gibbon_conf::Sources {
        cwd: "/",
        default_prefix: "/p",
        file: Some(conf),
        env: &variables,
        overrides: &[],
    });
    let clock = gibbon_sdk::Clock::System;
    let env = Env::new(Arc::new(conf.unwrap()), clock, Uuid::nil(), String::new(), 1, true);
    let mut compiler = Compiler::new(Arc::new(env), Vec::new());
    let certificate = |number, cert: &str| document(json!({"id": id(number), "cert": cert, "key": "k"}));
    let vault =
        |prefix: &str| document(json!({"id": id(9), "name": "env", "prefix": "mine", "config": {"prefix": prefix}}));
    let cert = |compiler: &Compiler, number| compiler.snapshot().certificate_of(id(number)).unwrap().cert.clone();
    let (by_kind, by_vault) = (certificate(1, "{vault://env/x}"), certificate(2, "{vault://mine/x}"));
    let rows = [("certificates", &by_kind), ("certificates", &by_vault), ("vaults", &vault("b_"))];
    assert_eq!(compiler.load(rows).len(), 0, "a vault behind what refers to it is found");
    assert_eq!((cert(&compiler, 1).as_str(), cert(&compiler, 2).as_str()), ("one", "two"));
    assert_eq!(put(&mut compiler, "vaults", vault("a_")).len(), 0);
    assert_eq!((cert(&compiler, 1).as_str(), cert(&compiler, 2).as_str()), ("one", "one"));
    let errors = apply(&mut compiler, &[("vaults", 9, None)]);
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!("certificates {}: could not find vault (mine) ({{vault://mine/x}})", id(2))]
    );
    assert_eq!(cert(&compiler, 2), "");
}
