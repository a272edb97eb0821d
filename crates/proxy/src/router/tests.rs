//! The router against Kong's golden vectors, against a slow router that tries every route in turn, and in the cases
//! that the recorded ones leave open.

use serde_json::Value;
use serde_json::json;

use super::*;

/// A route with its fields in hand.
#[derive(Default)]
struct Owned {
    id: u128,
    hosts: Option<Vec<String>>,
    paths: Vec<String>,
    methods: Vec<String>,
    headers: Vec<(String, Vec<String>)>,
    snis: Vec<String>,
    regex_priority: i64,
    sources: Vec<End>,
    destinations: Vec<End>,
}

impl Owned {
    fn new(id: u128, route: &Value) -> Self {
        let list = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        let ends = |value: &Value| -> Vec<End> {
            let end = |item: &Value| End {
                ip: item["ip"].as_str().map(str::to_owned),
                port: item["port"].as_u64().map(|port| port as u16),
            };
            value.as_array().into_iter().flatten().map(end).collect()
        };
        Self {
            id,
            hosts: route.get("hosts").map(list),
            paths: list(&route["paths"]),
            methods: list(&route["methods"]),
            headers: route["headers"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, values)| (name.clone(), list(values)))
                .collect(),
            snis: list(&route["snis"]),
            regex_priority: route["regex_priority"].as_i64().unwrap_or(0),
            sources: ends(&route["sources"]),
            destinations: ends(&route["destinations"]),
        }
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            id: uuid::Uuid::from_u128(self.id),
            hosts: self.hosts.as_deref(),
            paths: &self.paths,
            methods: &self.methods,
            headers: self.headers.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect(),
            snis: &self.snis,
            regex_priority: self.regex_priority,
            sources: &self.sources,
            destinations: &self.destinations,
        }
    }
}

fn router(routes: &[Value]) -> Router<u128> {
    let (mut router, mut regexes) = (Router::default(), Regexes::default());
    for (at, route) in routes.iter().enumerate() {
        let owned = Owned::new(at as u128, route);
        router.insert(at as u128, &owned.fields(), &mut regexes).unwrap();
    }
    router
}

fn key<'r>(host: &'r str, path: &'r str, headers: &'r Headers) -> Key<'r> {
    Key { port: 8000, ..Key::get(host.as_bytes(), path.as_bytes(), headers) }
}

fn find(router: &Router<u128>, host: &str, path: &str) -> Option<u128> {
    router.find(&key(host, path, &Headers::default())).map(|found| *found.route)
}

#[test]
fn ranks_as_kong_does() {
    let golden: Vec<Value> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(golden.len(), 27);
    for row in golden {
        let owned = Owned::new(0, &row["route"]);
        let fields = owned.fields();
        let paths: Vec<&str> = fields.paths.iter().map(String::as_str).collect();
        let stream = ["tcp", "tls", "udp"].iter().any(|name| row["route"]["protocols"][0] == **name);
        let got = if stream { priority::stream(&fields) } else { priority::http(&fields, &paths) };
        assert_eq!(format!("{got:016x}"), row["priority_hex"].as_str().unwrap(), "{row}");
    }
}

#[test]
fn wildcards_need_their_dot() {
    let router = router(&[
        json!({"hosts": ["a.wild.test"]}),
        json!({"hosts": ["*.wild.test"]}),
        json!({"hosts": ["wild.*"]}),
        json!({"hosts": ["port.test:81", "*.port.test:81"]}),
        json!({"hosts": ["[::1]:80"]}),
    ]);
    for (host, want) in [
        ("a.wild.test", Some(0)),
        ("a.wild.test:99", Some(0)),
        ("A.wild.test", Some(0)),
        ("a.WILD.test.", Some(0)),
        ("B.Wild.Test", Some(1)),
        ("c.b.wild.test", Some(1)),
        (".wild.test", Some(1)),
        ("wild.test", Some(2)),
        ("WILD.x", Some(2)),
        ("wild.", None),
        ("wild", None),
        ("port.test:81", Some(3)),
        ("x.port.test:81", Some(3)),
        ("port.test", None),
        ("port.test:8x", None),
        ("[::1]:80", Some(4)),
        ("", None),
    ] {
        assert_eq!(find(&router, host, "/"), want, "{host}");
    }
}

#[test]
fn strips_what_matched_and_keeps_captures() {
    let router = router(&[
        json!({"paths": ["/m", "/m/long/path", "~/m/\\d+"]}),
        json!({"paths": ["/m/long"]}),
        json!({"paths": ["~/v(?<major>\\d+)/(?<rest>[^/]+)"]}),
    ]);
    let headers = Headers::default();
    for (path, want, matched) in
        [("/m/x", 0, 2), ("/m/long/x", 1, 7), ("/m/long/path/x", 0, 12), ("/m/42/x", 0, 5), ("/v2/things/9", 2, 10)]
    {
        let found = router.find(&key("", path, &headers)).unwrap();
        assert_eq!((*found.route, found.matched), (want, Some(matched)), "{path}");
        assert_eq!(found.captures(path.as_bytes()).is_empty(), want != 2);
    }
    let found = router.find(&key("", "/v2/things/9", &headers)).unwrap();
    let captures = found.captures(b"/v2/things/9");
    let pairs: Vec<_> = captures.iter().map(|(name, value)| (&**name, std::str::from_utf8(value).unwrap())).collect();
    assert_eq!(pairs, [("0", "/v2/things"), ("1", "2"), ("2", "things"), ("major", "2"), ("rest", "things")]);
}

#[test]
fn compares_headers_without_case_and_names_without_dashes() {
    let router = router(&[json!({"headers": {"X-Ver": ["One", "~*^v\\d$"]}})]);
    for (name, value, want) in [
        ("x-ver", "oNE", true),
        ("X_Ver", "one", true),
        ("x-ver", "V7", true),
        ("x-ver", "v7x", false),
        ("x-ver", "one, two", false),
        ("x-other", "one", false),
    ] {
        let mut headers = Headers::default();
        headers.append("x-ver", "nine");
        headers.append(name, value);
        assert_eq!(router.find(&key("", "/", &headers)).is_some(), want, "{name}: {value}");
    }
}

#[test]
fn looks_at_server_names_only_on_tls() {
    let router = router(&[json!({"snis": ["a.test.", "*.b.test", "c.*"]})]);
    for (transport, sni, want) in [
        (Transport::Plain, None, true),
        (Transport::Tls, None, false),
        (Transport::Tls, Some("a.test"), true),
        (Transport::Tls, Some("A.test"), false),
        (Transport::Tls, Some("x.b.test"), true),
        (Transport::Tls, Some("b.test"), false),
        (Transport::Tls, Some("c.test"), true),
    ] {
        let headers = Headers::default();
        let key = Key { transport, sni, ..key("", "/", &headers) };
        assert_eq!(router.find(&key).is_some(), want, "{sni:?}");
    }
}

#[test]
fn refuses_what_the_regex_engine_does_not_know() {
    let owned = Owned::new(1, &json!({"paths": ["/ok", "~/a(?!b)"]}));
    let mut router = Router::default();
    assert!(router.insert(1, &owned.fields(), &mut Regexes::default()).is_err());
    assert_eq!(find(&router, "", "/ok"), None);
}

/// A small generator, so that the test is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    fn some<'a>(&mut self, of: &[&'a str], most: usize) -> Vec<&'a str> {
        (0..self.below(most + 1)).map(|_| of[self.below(of.len())]).collect()
    }
}

const HOSTS: &[&str] = &["a.test", "b.test", "*.test", "*.a.test", "a.*", "b.test:81", "x.a.test"];
const PATHS: &[&str] = &["/", "/a", "/b", "/a/b", "/a/b/c", "~/a/\\w", "~/a/?b", "~/[ab]", "~/a|/b$", "/ab"];
const METHODS: &[&str] = &["GET", "POST"];

/// Routes among few values, so that many compete; the index and a walk over one-route routers must agree, also after
/// half of the routes went.
#[test]
fn agrees_with_trying_every_route() {
    let mut dice = Dice(0x5EED);
    let routes: Vec<Owned> = (1..400u128)
        .map(|id| {
            let mut route = json!({
                "paths": dice.some(PATHS, 3),
                "methods": dice.some(METHODS, 1),
                "regex_priority": dice.below(3),
            });
            if dice.below(2) == 0 {
                route["hosts"] = json!(dice.some(HOSTS, 2));
            }
            Owned::new(id, &route)
        })
        .collect();
    let mut regexes = Regexes::default();
    let mut router = Router::default();
    for route in &routes {
        router.insert(route.id, &route.fields(), &mut regexes).unwrap();
    }
    compare(&router, &routes, &mut regexes);
    let whole = router.clone();
    let (gone, left): (Vec<Owned>, Vec<Owned>) = routes.into_iter().partition(|route| route.id % 2 == 0);
    for route in &gone {
        router.remove(&route.fields(), &mut regexes);
    }
    compare(&router, &left, &mut regexes);
    for route in &left {
        router.remove(&route.fields(), &mut regexes);
    }
    assert!(router.anywhere.is_empty() && router.exact.is_empty());
    assert!(router.prefixes.is_empty() && router.suffixes.is_empty());
    assert!(!whole.anywhere.is_empty());
}

fn compare(router: &Router<u128>, routes: &[Owned], regexes: &mut Regexes) {
    let headers = Headers::default();
    let singles: Vec<(u128, Vec<Rank>, Router<u128>)> = routes
        .iter()
        .map(|route| {
            let mut single = Router::default();
            single.insert(route.id, &route.fields(), regexes).unwrap();
            (route.id, places(&route.fields(), regexes).unwrap().into_iter().map(|place| place.rank).collect(), single)
        })
        .collect();
    for host in ["a.test", "b.test:81", "x.a.test", "q.test", "a.other", "none", ""] {
        for path in ["/", "/a", "/a/b", "/a/b/c/d", "/ab", "/b", "/c", "/x/b"] {
            let key = key(host, path, &headers);
            let best = singles.iter().filter_map(|(id, ranks, single)| Some((winner(single, &key, ranks)?, *id))).max();
            let got = router.find(&key).map(|found| *found.route);
            assert_eq!(got, best.map(|(_, id)| id), "{host} {path}");
        }
    }
}

/// Returns the rank with which the only route of a router fits.
fn winner(single: &Router<u128>, key: &Key<'_>, ranks: &[Rank]) -> Option<Rank> {
    single.find(key)?;
    let host = &*host::normal(key.host);
    let port = u32::from(host::port(key.host).unwrap_or(key.port));
    let mut best = None;
    let backward: Vec<u8> = host.iter().rev().copied().collect();
    if let Some(bucket) = single.exact.get(host) {
        bucket.improve(key, port, &mut best);
    }
    single.suffixes.prefixes(&backward, |_, bucket| bucket.improve(key, port, &mut best));
    single.prefixes.prefixes(host, |_, bucket| bucket.improve(key, port, &mut best));
    single.anywhere.improve(key, port, &mut best);
    best.map(|best| best.slot.rank).filter(|rank| ranks.contains(rank))
}
