//! The functions the dumps point to, by file and line: those of shared fields, and the core entities' simple ones.

use gibbon_schema::Custom;
use gibbon_schema::Document;
use gibbon_schema::EntityCheck;
use gibbon_schema::Value;
use gibbon_schema::check::is_nonempty;
use gibbon_schema::json;
use gibbon_schema::typedefs::address;
use gibbon_schema::typedefs::address::Address;
use gibbon_schema::typedefs::address::AddressKind;
use gibbon_schema::typedefs::pem;
use gibbon_schema::typedefs::service_url;
use gibbon_schema::typedefs::text;

/// What a shorthand's value stands for.
type Expand = Box<dyn Fn(&Value) -> Option<Document> + Send + Sync>;

/// Returns the rule of a field.
pub(crate) fn validator(source: &str) -> Option<Custom> {
    Some(match source.strip_prefix("kong/")? {
        "db/schema/typedefs.lua:24" => Custom::new(address::host),
        "db/schema/typedefs.lua:38" => Custom::new(address::host_with_optional_port),
        "db/schema/typedefs.lua:44" => Custom::new(address::ip),
        "db/schema/typedefs.lua:53" => Custom::new(address::ip_or_cidr),
        "db/schema/typedefs.lua:71" => Custom::new(text::path),
        "db/schema/typedefs.lua:118" => Custom::new(text::tag),
        "db/schema/typedefs.lua:137" => Custom::new(text::utf8_name),
        "db/schema/typedefs.lua:154" => Custom::new(address::sni),
        "db/schema/typedefs.lua:172" => Custom::new(address::wildcard_host),
        "db/schema/typedefs.lua:205" => Custom::new(text::url),
        "db/schema/typedefs.lua:224" => Custom::new(pem::certificate),
        "db/schema/typedefs.lua:234" => Custom::new(pem::key),
        "db/schema/typedefs.lua:495" => Custom::new(address::host_with_wildcards),
        "db/schema/typedefs.lua:500" => Custom::new(text::router_path),
        "db/schema/typedefs.lua:660" => Custom::new(pem::key_pair),
        "tools/http.lua:260" => Custom::new(text::cookie_name),
        "tools/http.lua:281" => Custom::new(text::header_name),
        "db/schema/entities/targets.lua:6" => Custom::new(target),
        "db/schema/entities/upstreams.lua:18" => Custom::new(upstream_name),
        "plugins/jwt/daos.lua:4" => Custom::new(|text: &str| pem::public_key(text).map_err(|_| "invalid key")),
        _ => return None,
    })
}

/// Returns the check across fields.
pub(crate) fn entity_check(source: &str, fields: Vec<String>) -> Option<EntityCheck> {
    use gibbon_schema::check::custom_check;
    Some(match source.strip_prefix("kong/")? {
        // It only logs.
        "db/schema/entities/routes.lua:27" => custom_check(fields, |_, _| Ok(())),
        "db/schema/entities/routes.lua:61" => custom_check(fields, |route, _| expression_alone(route)),
        "db/schema/entities/keys.lua:77" => custom_check(fields, |key, _| pem::jwk_of_key(key)),
        "runloop/wasm.lua:1103" => custom_check(fields, |_, _| Err("wasm support is not enabled".to_owned())),
        _ => return None,
    })
}

/// Returns the function of a shorthand that does more than move its value.
pub(crate) fn shorthand(source: &str) -> Option<Expand> {
    let fields = |value: Value| value.as_object().cloned();
    Some(match source.strip_prefix("kong/")? {
        "db/schema/entities/services.lua:78" => Box::new(|value| service_url().expand(value)),
        "db/schema/entities/upstreams.lua:306" => Box::new(move |value| {
            if value == "least-connections" || value == "latency" {
                fields(json!({ "algorithm": value, "hash_on": null }))
            } else {
                fields(json!({ "algorithm": value }))
            }
        }),
        "db/schema/entities/upstreams.lua:328" => Box::new(move |value| match value.as_str() {
            None => fields(json!({ "hash_on": "none" })),
            Some("none") => fields(json!({ "hash_on": value, "algorithm": "round-robin" })),
            Some(_) => fields(json!({ "hash_on": value, "algorithm": "consistent-hashing" })),
        }),
        "plugins/session/schema.lua:244" => {
            Box::new(move |value| fields(json!({ "idling_timeout": value.as_f64().unwrap_or_default() })))
        }
        "plugins/session/schema.lua:255" => Box::new(|_| None),
        _ => return None,
    })
}

fn target(text: &str) -> Result<(), String> {
    let invalid = |_| format!("Invalid target ('{text}'); not a valid hostname or ip address");
    address::parse(text).map(drop).map_err(invalid)
}

fn upstream_name(text: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("Invalid name ('{text}'); {what}"));
    match address::parse(text) {
        Err(_) => fail("must be a valid hostname"),
        Ok(Address { kind: AddressKind::Ipv4 | AddressKind::Ipv6, .. }) => fail("no ip addresses allowed"),
        Ok(Address { port: Some(_), .. }) => fail("no port allowed"),
        Ok(_) => Ok(()),
    }
}

/// The part of the routes' check that needs no expression compiler.
fn expression_alone(route: &Document) -> Result<(), String> {
    let given = |name: &str| is_nonempty(route.get(name));
    let empty_header = route.get("headers").and_then(Value::as_object).is_some_and(|headers| {
        headers.values().any(|values| values.as_array().is_some_and(Vec::is_empty) || *values == json!({}))
    });
    if !given("expression") && empty_header {
        return Err("Router Expression failed validation: expected term".to_owned());
    }
    Ok(())
}
