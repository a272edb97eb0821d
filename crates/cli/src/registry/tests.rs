//! Everything a node knows the shape of, against what a Kong 3.10.0 says of itself: descriptions, places in the order,
//! traits, and the answers to every recorded input. A new plugin or entity is covered by being in the registry.

use std::collections::BTreeSet;

use gibbon_model::Catalog;
use gibbon_model::entities;
use gibbon_schema::Value;
use gibbon_schema::dry_run;
use gibbon_schema::testing::GOLDEN_OPTIONS;
use gibbon_schema::testing::TestWorld;
use gibbon_schema::testing::describe_differences;
use gibbon_schema::testing::fact;
use gibbon_schema::testing::golden_difference;
use gibbon_schema::testing::golden_rows;

use super::bundled;

fn catalog() -> Catalog {
    let plugins = bundled();
    let of_plugins = plugins.iter().flat_map(|plugin| &plugin.entities).map(|entity| entity.def);
    Catalog::new(entities::core().chain(of_plugins), plugins.iter().map(|plugin| plugin.kind.clone()), GOLDEN_OPTIONS)
}

/// Returns the dump of a file, or nothing where there are no facts.
fn entity_dump(name: &str) -> Option<Value> {
    match name {
        "routes" => fact("schemas/routes.traditional_compatible.json"),
        name => fact(&format!("schemas/{name}.json")),
    }
}

#[test]
fn plugins_describe_themselves_as_kong_does() {
    let mut wrong = Vec::new();
    for plugin in bundled() {
        let name = plugin.kind.name;
        let Some(dump) = fact(&format!("plugins/{name}.json")) else { return };
        let differences = describe_differences(&dump, &plugin.kind.record);
        wrong.extend(differences.into_iter().map(|line| format!("{name}: {line}")));
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn plugins_stand_where_kong_has_them() {
    let mut wrong = Vec::new();
    for plugin in bundled() {
        let name = plugin.kind.name;
        let Some(dump) = fact(&format!("plugins/{name}.json")) else { return };
        let mut compare = |what: &str, want: Value, got: Value| {
            if want != got {
                wrong.push(format!("{name} {what}: want {want}, got {got}"));
            }
        };
        compare("priority", dump["priority"].clone(), plugin.kind.priority.into());
        compare("version", dump["version"].clone(), plugin.kind.version.into());
        for (scope, allowed) in [
            ("consumer", plugin.kind.scopes.consumer),
            ("route", plugin.kind.scopes.route),
            ("service", plugin.kind.scopes.service),
        ] {
            compare(scope, dump["scoping"][scope].clone(), allowed.into());
        }
        let of_kong =
            ["phases", "phases_stream"].into_iter().flat_map(|key| dump[key].as_array().into_iter().flatten());
        // What runs when a worker starts or is configured is no phase of a request.
        let of_kong: BTreeSet<_> =
            of_kong.filter_map(Value::as_str).filter(|phase| !["init_worker", "configure"].contains(phase)).collect();
        let own: BTreeSet<_> = plugin.phases.names().into_iter().collect();
        compare("phases", of_kong.into_iter().collect(), own.into_iter().collect());
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn entities_are_declared_as_kongs() {
    let mut wrong = Vec::new();
    for entity in catalog().entities() {
        let Some(dump) = entity_dump(entity.name) else { return };
        let differences = describe_differences(&dump, &entity.record);
        wrong.extend(differences.into_iter().map(|line| format!("{}: {line}", entity.name)));
        let flag = |key: &str, usual: bool| dump.get(key).map_or(usual, |flag| flag == true);
        let word = |key: &str| dump[key].as_str();
        let words =
            |key: &str| dump[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        let own_on_delete =
            |field: &str| entity.reference(field).map(|own| format!("{:?}", own.on_delete).to_lowercase());
        let fields = dump["fields"].as_array().into_iter().flatten();
        for field in fields.filter(|field| field["type"] == "foreign") {
            let name = field["name"].as_str().unwrap_or_default();
            let (want, got) = (field["on_delete"].as_str(), own_on_delete(name));
            // An entity of a plugin that is not built in is not referred to either.
            if got.is_some() && want != got.as_deref() {
                wrong.push(format!("{} {name} on_delete: want {want:?}, got {got:?}", entity.name));
            }
        }
        for (what, right) in [
            ("primary_key", words("primary_key") == [entity.primary_key]),
            ("endpoint_key", word("endpoint_key") == entity.endpoint_key),
            ("cache_key", words("cache_key") == entity.cache_key),
            ("admin_api_name", word("admin_api_name") == entity.admin_name),
            ("admin_api_nested_name", word("admin_api_nested_name") == entity.nested_name),
            ("workspaceable", flag("workspaceable", false) == entity.workspaced),
            ("ttl", flag("ttl", false) == entity.ttl),
            ("generate_admin_api", flag("generate_admin_api", true) == entity.generate_admin),
            ("db_export", flag("db_export", true) == entity.db_export),
        ] {
            if !right {
                wrong.push(format!("{} {what}: want {}", entity.name, dump[what]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn recorded_inputs_are_answered_as_recorded() {
    let catalog = catalog();
    let (mut asked, mut wrong) = (0, Vec::new());
    for row in golden_rows("") {
        let entity = match row.target.split_once(':') {
            Some(("plugin", name)) if catalog.plugin(name).is_some() => catalog.entity("plugins"),
            Some(("entity", name)) => catalog.entity(name),
            _ => None,
        };
        let (Some(entity), Value::Object(input)) = (entity, &row.input) else { continue };
        let world = TestWorld::default();
        let answer = dry_run(&entity.record, input.clone(), &catalog.context(&world));
        asked += 1;
        wrong.extend(golden_difference(&row, &answer));
    }
    println!("{asked} rows asked");
    assert!(wrong.is_empty(), "{} of {asked} differ\n{}", wrong.len(), wrong.join("\n"));
}
