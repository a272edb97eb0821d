//! Fills the path tables: generated endpoints from the catalog, special ones on top, then those of plugins.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gibbon_model::Catalog;
use gibbon_model::Entity;
use gibbon_sdk::AdminCall;
use gibbon_sdk::AdminFuture;
use gibbon_sdk::Surface;
use http::Method;
use http::StatusCode;

use crate::Admin;
use crate::AdminParts;
use crate::call::Call;
use crate::endpoints;
use crate::generic;
use crate::generic::Target;
use crate::generic::Verb;
use crate::paths::Paths;
use crate::reply::Outcome;
use crate::reply::Reply;

/// A special endpoint.
pub(crate) type Special = fn(Arc<Admin>, Call) -> BoxFuture<'static, Outcome>;

/// What answers a method of a path.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Made from an entity's definition.
    Generic(Verb, Target),
    /// Written by hand.
    Special(Special),
    /// A plugin's.
    Plugin(fn(AdminCall) -> AdminFuture),
}

impl Handler {
    /// Answers a call.
    pub(crate) async fn run(self, admin: Arc<Admin>, call: Call) -> Outcome {
        match self {
            Self::Generic(verb, target) => generic::run(&admin, verb, target, call).await,
            Self::Special(special) => special(admin, call).await,
            Self::Plugin(plugin) => {
                let reply = plugin(AdminCall {
                    method: call.method.as_str().to_owned(),
                    parameters: call.parameters.into_iter().map(|(_, value)| value).collect(),
                    body: call.body,
                    env: Arc::clone(&admin.env),
                })
                .await;
                let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Ok(Reply::bytes(status, reply.content_type, reply.body))
            }
        }
    }
}

/// Returns the paths of the Admin API.
pub(crate) fn admin(parts: &AdminParts) -> Paths {
    let mut paths = generated(&parts.catalog);
    for (template, method, special, _) in endpoints::ADMIN {
        paths.set(template, method.clone(), Handler::Special(*special));
    }
    for (template, special, _) in endpoints::KEYED {
        paths.replace(template, Handler::Special(*special));
    }
    for template in endpoints::DISABLED {
        paths.disable(template);
    }
    for route in &parts.routes {
        add_plugin(&mut paths, route);
    }
    paths.order();
    paths
}

/// Returns the paths that the entities make.
pub(crate) fn generated(catalog: &Catalog) -> Paths {
    let mut paths = Paths::default();
    for entity in catalog.entities().filter(|entity| entity.generate_admin) {
        generate(&mut paths, catalog, entity);
    }
    paths
}

/// Returns the paths of the Status API.
pub(crate) fn status(parts: &AdminParts) -> Paths {
    let mut paths = Paths::default();
    let dbless = if parts.env.dbless { endpoints::STATUS_DBLESS } else { &[] };
    for (template, method, special) in endpoints::STATUS.iter().chain(dbless) {
        paths.set(template, method.clone(), Handler::Special(*special));
    }
    for route in parts.routes.iter().filter(|route| route.surface == Surface::AdminAndStatus) {
        add_plugin(&mut paths, route);
    }
    paths.order();
    paths
}

fn add_plugin(paths: &mut Paths, route: &gibbon_sdk::AdminRoute) {
    for name in route.methods {
        let method = Method::from_bytes(name.as_bytes()).expect("invariant: plugins name methods that exist");
        paths.set(route.path, method, Handler::Plugin(route.handler));
    }
}

/// Adds `/E`, `/E/{E}`, and for each foreign field `/E/{E}/field`, `/P/{P}/E` and `/P/{P}/E/{E}`.
fn generate(paths: &mut Paths, catalog: &Catalog, entity: &Entity) {
    const COLLECTION: [(Method, Verb); 2] = [(Method::GET, Verb::List), (Method::POST, Verb::Create)];
    const MEMBER: [(Method, Verb); 4] = [
        (Method::GET, Verb::Get),
        (Method::PUT, Verb::Put),
        (Method::PATCH, Verb::Patch),
        (Method::DELETE, Verb::Delete),
    ];
    let (name, path) = (entity.name, entity.path());
    let mut add = |template: &str, schema: &'static str, verbs: &[(Method, Verb)], target: Target| {
        let endpoint = paths.entry(template, Some(schema));
        endpoint.methods =
            verbs.iter().map(|(method, verb)| (method.clone(), Handler::Generic(*verb, target))).collect();
    };
    add(&format!("/{path}"), name, &COLLECTION, Target::Own(name));
    add(&format!("/{path}/{{{name}}}"), name, &MEMBER, Target::Own(name));
    for reference in &entity.refs {
        let Some(parent) = catalog.entity(reference.target) else { continue };
        let nested = format!("/{}/{{{}}}/{}", parent.path(), parent.name, entity.nested_path());
        let (field, parent) = (reference.field, parent.name);
        add(
            &format!("/{path}/{{{name}}}/{field}"),
            parent,
            &MEMBER,
            Target::Referenced { entity: name, field, target: parent },
        );
        add(&nested, name, &COLLECTION, Target::Below { parent, field, child: name });
        add(&format!("{nested}/{{{name}}}"), name, &MEMBER, Target::Below { parent, field, child: name });
    }
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Generic(verb, target) => write!(f, "{verb:?} {target:?}"),
            Self::Special(_) => f.write_str("special"),
            Self::Plugin(_) => f.write_str("plugin"),
        }
    }
}
