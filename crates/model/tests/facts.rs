//! The core entities against recorded facts: how Kong describes them, and what it answered.

#![allow(clippy::unwrap_used)]

use gibbon_model::Catalog;
use gibbon_model::entities;
use gibbon_schema::Options;
use gibbon_schema::RouterFlavor;
use gibbon_schema::Subschemas as _;
use gibbon_schema::dry_run;
use gibbon_schema::testing::GOLDEN_OPTIONS;
use gibbon_schema::testing::TestWorld;
use gibbon_schema::testing::check_describe;
use gibbon_schema::testing::check_golden;
use gibbon_schema::testing::describe_differences;
use gibbon_schema::testing::fact;

fn catalog(router_flavor: RouterFlavor) -> Catalog {
    Catalog::new(entities::core(), [], Options { router_flavor, ..GOLDEN_OPTIONS })
}

#[test]
fn entities_are_described_as_recorded() {
    let catalog = catalog(RouterFlavor::TraditionalCompatible);
    for entity in catalog.entities() {
        let dump = match entity.name {
            "routes" => "schemas/routes.traditional_compatible".to_owned(),
            name => format!("schemas/{name}"),
        };
        check_describe(&dump, &entity.record);
    }
    if let Some(dump) = fact("schemas/vaults.json") {
        let differences = describe_differences(&dump["subschemas"]["env"], catalog.find("vaults", "env").unwrap());
        assert!(differences.is_empty(), "{differences:?}");
    }
    let traditional = self::catalog(RouterFlavor::Traditional);
    check_describe("schemas/routes.traditional", &traditional.entity("routes").unwrap().record);
}

#[test]
fn entities_answer_as_recorded() {
    let catalog = catalog(RouterFlavor::TraditionalCompatible);
    let world = TestWorld::default();
    // Rows of `plugins` need the kinds of plugins, which stand above this crate; `tags` and
    // `parameters` were not asked.
    for name in [
        "services",
        "routes",
        "consumers",
        "upstreams",
        "targets",
        "certificates",
        "snis",
        "ca_certificates",
        "keys",
        "key_sets",
        "vaults",
        "workspaces",
    ] {
        check_golden(&format!("entity:{name}"), |input| {
            let record = &catalog.entity(name).unwrap().record;
            dry_run(record, input.as_object().unwrap().clone(), &catalog.context(&world))
        });
    }
}

#[test]
fn catalog_knows_who_refers_to_whom() {
    let catalog = catalog(RouterFlavor::TraditionalCompatible);
    let order: Vec<_> = catalog.entities().map(|entity| entity.name).collect();
    let at = |name| order.iter().position(|other| *other == name).unwrap();
    for entity in catalog.entities() {
        for reference in &entity.refs {
            assert!(at(reference.target) < at(entity.name), "{} before {}", reference.target, entity.name);
        }
    }
    let services = catalog.entity("services").unwrap();
    let children: Vec<_> = services.children.iter().map(|child| (child.entity, child.field)).collect();
    assert!(children.contains(&("routes", "service")), "{children:?}");
    assert!(children.contains(&("plugins", "service")), "{children:?}");
}
