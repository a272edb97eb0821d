//! The plugins that Gibbon has, and the catalog of all that a node knows the shape of. A new plugin is one line here.

use std::sync::Arc;

use gibbon_conf::Conf;
use gibbon_conf::Database;
use gibbon_conf::Role;
use gibbon_conf::RouterFlavor;
use gibbon_model::Catalog;
use gibbon_model::Options;
use gibbon_model::entities;
use gibbon_sdk::PluginDef;

/// Every plugin, in the order of its name.
fn bundled() -> Vec<PluginDef> {
    vec![
        PluginDef::of::<gibbon_plugins_auth::acl::Acl>(),
        PluginDef::of::<gibbon_plugins_transform::correlation_id::CorrelationId>(),
        PluginDef::of::<gibbon_plugins_traffic::cors::Cors>(),
        PluginDef::of::<gibbon_plugins_traffic::ip_restriction::IpRestriction>(),
        PluginDef::of::<gibbon_plugins_auth::key_auth::KeyAuth>(),
        PluginDef::of::<gibbon_plugins_observe::prometheus::Prometheus>(),
        PluginDef::of::<gibbon_plugins_traffic::rate_limiting::RateLimiting>(),
        PluginDef::of::<gibbon_plugins_traffic::request_size_limiting::RequestSizeLimiting>(),
        PluginDef::of::<gibbon_plugins_traffic::request_termination::RequestTermination>(),
        PluginDef::of::<gibbon_plugins_transform::request_transformer::RequestTransformer>(),
        PluginDef::of::<gibbon_plugins_transform::response_transformer::ResponseTransformer>(),
    ]
}

/// Returns the plugins that `plugins` switches on. An error, in Kong's words, if one of them does not exist.
pub(crate) fn enabled(conf: &Conf) -> anyhow::Result<Vec<PluginDef>> {
    let bundled = bundled();
    let mut enabled = Vec::new();
    for name in conf.enabled_plugins(bundled.iter().map(|plugin| plugin.kind.name)) {
        let found = bundled.iter().find(|plugin| plugin.kind.name == name);
        enabled.push(found.ok_or_else(|| anyhow::anyhow!("{name} plugin is enabled but not installed"))?.clone());
    }
    Ok(enabled)
}

/// Returns the catalog of a node with these plugins.
pub(crate) fn catalog(conf: &Conf, plugins: &[PluginDef]) -> Arc<Catalog> {
    let of_plugins = plugins.iter().flat_map(|plugin| &plugin.entities).map(|entity| entity.def);
    let kinds = plugins.iter().map(|plugin| plugin.kind.clone());
    Arc::new(Catalog::new(entities::core().chain(of_plugins), kinds, options(conf)))
}

/// Returns every plugin, and the catalog of a node that has them all and a database: what the reference describes.
pub(crate) fn described(router_flavor: gibbon_schema::RouterFlavor) -> (Vec<PluginDef>, Catalog) {
    let plugins = bundled();
    let of_plugins = plugins.iter().flat_map(|plugin| &plugin.entities).map(|entity| entity.def);
    let kinds = plugins.iter().map(|plugin| plugin.kind.clone());
    let (database, role) = (gibbon_schema::Database::On, gibbon_schema::Role::Traditional);
    let catalog = Catalog::new(entities::core().chain(of_plugins), kinds, Options { database, role, router_flavor });
    (plugins, catalog)
}

/// The properties on which schemas depend.
fn options(conf: &Conf) -> Options {
    use gibbon_schema as schema;
    Options {
        database: match conf.database {
            Database::Off => schema::Database::Off,
            Database::Embedded | Database::Postgres => schema::Database::On,
        },
        role: match conf.role {
            Role::Traditional => schema::Role::Traditional,
            Role::ControlPlane => schema::Role::ControlPlane,
            Role::DataPlane => schema::Role::DataPlane,
        },
        router_flavor: match conf.router_flavor {
            RouterFlavor::Traditional => schema::RouterFlavor::Traditional,
            RouterFlavor::TraditionalCompatible => schema::RouterFlavor::TraditionalCompatible,
            RouterFlavor::Expressions => schema::RouterFlavor::Expressions,
        },
    }
}

#[cfg(test)]
mod tests;
