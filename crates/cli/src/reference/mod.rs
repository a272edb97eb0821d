//! The reference: entities, plugins, properties, endpoints and an OpenAPI document, written from the definitions that
//! the node itself runs on. It needs no node and no database, and describes a node with a database and all plugins.

mod endpoints;
mod entities;
mod field;
mod openapi;
mod plugins;
mod properties;
mod shape;

use gibbon_admin::Operation;
use gibbon_model::Catalog;
use gibbon_sdk::PluginDef;

use crate::registry;

/// What is described.
struct Subject {
    catalog: Catalog,
    /// With routes as the flavour `expressions` has them.
    with_expressions: Catalog,
    plugins: Vec<PluginDef>,
    operations: Vec<Operation>,
}

const NOTE: &str = "<!-- Written by `gibbon reference docs/reference`; edit the definitions instead. -->\n";

/// Returns every file of the reference: its name and its text.
pub(crate) fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let (plugins, catalog) = registry::described(gibbon_schema::RouterFlavor::TraditionalCompatible);
    let (_, with_expressions) = registry::described(gibbon_schema::RouterFlavor::Expressions);
    let routes: Vec<_> = plugins.iter().flat_map(|plugin| plugin.admin.iter().copied()).collect();
    let operations = gibbon_admin::outline(&catalog, &routes);
    let subject = Subject { catalog, with_expressions, plugins, operations };
    Ok(vec![
        ("README.md", index(&subject)),
        ("entities.md", entities::page(&subject)),
        ("plugins.md", plugins::page(&subject)),
        ("properties.md", properties::page()),
        ("endpoints.md", endpoints::page(&subject)),
        ("openapi.json", serde_json::to_string_pretty(&openapi::document(&subject))? + "\n"),
    ])
}

/// The page that leads to all others.
fn index(subject: &Subject) -> String {
    let mut page = format!(
        "{NOTE}# Reference\n\nMade from the definitions that the node runs on, by `gibbon reference docs/reference`; a test sees to it that it \
         is fresh. `gibbon reference FOLDER` writes the same for the binary you have.\n\n\
         | to find | look into |\n|---|---|\n\
         | an entity and its fields | [entities.md](entities.md) |\n\
         | a plugin and its `config` | [plugins.md](plugins.md) |\n\
         | a property of `kong.conf` | [properties.md](properties.md) |\n\
         | a path of the Admin API | [endpoints.md](endpoints.md), [openapi.json](openapi.json) (OpenAPI 3.1) |\n\n"
    );
    let entities = subject.catalog.entities().map(|entity| {
        let about = entity.record.description.as_deref().unwrap_or_default();
        format!("| [`{0}`](entities.md#{0}) | {about} |\n", entity.name)
    });
    page += "## Entities\n\n| entity | what it is |\n|---|---|\n";
    page.extend(entities);
    page += "\n## Plugins\n\n";
    let names = subject.plugins.iter().map(|plugin| format!("[`{0}`](plugins.md#{0})", plugin.kind.name));
    page += &names.collect::<Vec<_>>().join(" · ");
    page + "\n"
}
