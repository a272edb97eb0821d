//! Puts a node together: each part is handed what it needs, nothing is looked up. The order matters: configuration is stored before
//! workers take requests, and the Admin API opens last, so that what it says is live.

use std::sync::Arc;

use gibbon_admin::AdminParts;
use gibbon_conf::Conf;
use gibbon_conf::Database;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_store::Writer;

use super::Node;
use super::Serving;
use super::apis;
use super::apis::Told;
use super::identity;
use super::open_store;
use super::store;
use crate::logging::Threshold;
use crate::prefix::Prefix;
use crate::registry;
use crate::settings::Origin;
use crate::world;

pub(super) async fn build(
    origin: Origin,
    conf: &Conf,
    prefix: &Prefix,
    threshold: Threshold,
) -> anyhow::Result<(Node, Serving)> {
    let plugins = registry::enabled(conf)?;
    let catalog = registry::catalog(conf, &plugins);
    let store = open_store(conf, prefix, &catalog).await?;
    let writer = Arc::new(Writer::new(store, Arc::new(world::Real), Arc::new(gibbon_store::Unpublished)));
    store::load_declarative(conf, &writer).await?;

    let workers = conf.nginx_worker_processes.on(std::thread::available_parallelism().map_or(1, usize::from));
    let env = Arc::new(Env::new(
        Arc::new(conf.clone()),
        Clock::System,
        identity::node_id(conf, prefix)?,
        identity::hostname(),
        workers,
        conf.database == Database::Off,
    ));
    let routes = plugins.iter().flat_map(|plugin| plugin.admin.clone()).collect();
    let told = Arc::new(Told { threshold: threshold.clone(), workers });
    let parts = AdminParts { writer: Arc::clone(&writer), catalog, env, routes, node: told };
    let apis = apis::serve(conf, prefix, parts)?;
    Ok((Node { origin, threshold, writer }, Serving { apis }))
}
