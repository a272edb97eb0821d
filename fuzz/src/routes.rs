//! Routes and requests for them: hosts, paths, regexes and headers through the schema into the router.

use gibbon_http::Headers;
use gibbon_http::path;
use gibbon_model::Document;
use gibbon_model::entities::Route;
use gibbon_proxy::path::Matched;
use gibbon_proxy::path::join_into;
use gibbon_proxy::router::Fields;
use gibbon_proxy::router::Key;
use gibbon_proxy::router::Regexes;
use gibbon_proxy::router::Router;
use gibbon_schema::Operation;
use gibbon_schema::admit;
use gibbon_schema::testing::TestWorld;
use serde_json::Value;

use crate::CATALOG;

/// More routes than this make a run slow and find nothing more.
const MOST: usize = 8;

/// Lines, the first byte of each says what it is: `R` a new route, `p` a path, `h` a host, `m` a method, `s` an SNI,
/// `H` a header `name=value`, `@` the request's host, `>` its path.
/// - A route that the schema admits can be routed to;
/// - a request that several routes fit goes to one of them, and one that fits none to none;
/// - routes that are taken out again leave nothing behind.
pub fn routes(data: &[u8]) {
    let (routes, host, path) = read(data);
    let path = path::normalize(&path);
    let headers: Headers = [("X-A", "1"), ("b", "x")].into_iter().collect();
    let key = Key::get(&host, &path, &headers);
    let (mut all, mut regexes) = (Router::default(), Regexes::default());
    let mut fitting = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        let mut only = Router::default();
        only.insert(number, &Fields::from(route), &mut regexes).expect("an admitted route compiles");
        all.insert(number, &Fields::from(route), &mut regexes).expect("an admitted route compiles");
        fitting.extend(only.find(&key).map(|found| (*found.route, found.matched)));
    }
    match all.find(&key) {
        None => assert!(fitting.is_empty(), "{fitting:?}"),
        Some(found) => {
            assert!(fitting.contains(&(*found.route, found.matched)), "{found:?} is not of {fitting:?}");
            let _ = found.captures(&path);
            let mut upstream = Vec::new();
            for strip in [Matched::Strip, Matched::Keep] {
                join_into(&mut upstream, Some("/base/"), &path, strip, found.matched);
            }
        }
    }
    routes.iter().for_each(|route| all.remove(&Fields::from(route), &mut regexes));
    assert!(all.find(&key).is_none(), "a removed route is found");
}

/// Returns the routes that are admitted, and the request's host and path.
fn read(data: &[u8]) -> (Vec<Route>, Vec<u8>, Vec<u8>) {
    let (mut documents, mut host, mut path) = (vec![Document::new()], Vec::new(), b"/".to_vec());
    for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if line[0] == b'R' && documents.len() < MOST {
            documents.push(Document::new());
        }
        let text = String::from_utf8_lossy(&line[1..]).into_owned();
        let document = documents.last_mut().expect("invariant: there is one from the start");
        let mut add = |field: &str, text: String| {
            if let Value::Array(list) = document.entry(field).or_insert_with(|| Value::Array(Vec::new())) {
                list.push(text.into());
            }
        };
        match line[0] {
            b'p' => add("paths", text),
            b'h' => add("hosts", text),
            b'm' => add("methods", text),
            b's' => add("snis", text),
            b'H' => {
                let (name, value) = text.split_once('=').unwrap_or((&text, ""));
                let headers = document.entry("headers").or_insert_with(|| Document::new().into());
                headers[name] = vec![value].into();
            }
            b'@' => host = line[1..].to_vec(),
            b'>' => path = [b"/", &line[1..]].concat(),
            _ => {}
        }
    }
    let record = &CATALOG.entity("routes").expect("invariant: a core entity").record;
    let world = TestWorld::default();
    let admitted = documents.into_iter().filter_map(|document| {
        let document = admit(record, document, Operation::Insert, &CATALOG.context(&world)).ok()?;
        Some(serde_json::from_value(document.into()).expect("an admitted route is a route"))
    });
    (admitted.collect(), host, path)
}
