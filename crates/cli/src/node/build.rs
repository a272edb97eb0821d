//! Puts a node together: each part is handed what it needs, nothing is looked up. The order matters: configuration is stored before
//! workers take requests, and the Admin API opens last, so that what it says is live.

use std::sync::Arc;

use anyhow::Context as _;
use gibbon_admin::AdminParts;
use gibbon_conf::Conf;
use gibbon_conf::Database;
use gibbon_proxy::Gateway;
use gibbon_proxy::GatewayParts;
use gibbon_proxy::StartError;
use gibbon_proxy::snapshot::Compiler;
use gibbon_proxy::snapshot::compile_all;
use gibbon_sdk::Clock;
use gibbon_sdk::Env;
use gibbon_store::Beside;
use gibbon_store::Publisher;
use gibbon_store::Writer;
use tokio::runtime;
use tokio::sync::Mutex;
use tokio::sync::Notify;

use super::Node;
use super::Serving;
use super::apis;
use super::apis::Told;
use super::identity;
use super::open_store;
use super::publisher::Later;
use super::store;
use super::tls;
use crate::handover::Inherited;
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
    mut inherited: Inherited,
) -> anyhow::Result<(Node, Serving)> {
    let plugins = registry::enabled(conf)?;
    let catalog = registry::catalog(conf, &plugins);
    let store = open_store(conf, prefix, &catalog).await?;
    let publisher = Arc::new(Later::default());
    let writer = Arc::new(Writer::new(Arc::clone(&store), Arc::new(world::Real), Arc::clone(&publisher) as _));
    store::load_declarative(conf, inherited.declarative.as_deref(), &writer, Beside::Nothing).await?;

    let workers = conf.nginx_worker_processes.on(std::thread::available_parallelism().map_or(1, usize::from));
    let started_with = Arc::new(conf.clone());
    let env = Arc::new(Env::new(
        Arc::clone(&started_with),
        Clock::System,
        identity::node_id(conf, prefix)?,
        identity::hostname(),
        workers,
        conf.database == Database::Off,
    ));
    let mut compiler = Compiler::new(Arc::clone(&env), plugins.clone());
    if conf.database != Database::Off {
        compiler.look_up_in(Arc::clone(&store), runtime::Handle::current());
    }
    let errors = compile_all(&*store, &mut compiler).await.context("the configuration could not be read")?;
    if !errors.is_empty() {
        return Err(StartError::Configuration(errors).into());
    }
    let routes = plugins.iter().flat_map(|plugin| plugin.admin.clone()).collect();
    // Before workers accept: a successor that cannot listen everywhere must not have taken a connection.
    let sockets = apis::open(conf, prefix, &mut inherited.sockets)?;
    let gateway = Gateway::start(GatewayParts {
        env: Arc::clone(&env),
        plugins,
        compiler,
        certificates: tls::pairs(prefix, &conf.proxy_listen, "", [&conf.ssl_cert, &conf.ssl_cert_key])?,
        control: runtime::Handle::current(),
        inherited: &mut inherited.sockets,
    })?;
    let live = gateway.publisher();
    live.set_store(Arc::clone(&store));
    publisher.at(Arc::clone(&live) as Arc<dyn Publisher>);
    tokio::spawn(Arc::clone(&live).remember());
    tokio::spawn(gibbon_store::watch(store, live));

    let told = Arc::new(Told { threshold: threshold.clone(), workers, balancing: gateway.balancing() });
    let parts = AdminParts { writer: Arc::clone(&writer), catalog, env, routes, node: told };
    let (apis, mut sockets) = apis::serve(parts, sockets)?;
    sockets.extend(gateway.sockets()?);
    let gateway = Arc::new(Mutex::new(Some(gateway)));
    let node = Node {
        origin,
        conf: Arc::clone(&started_with),
        threshold,
        writer,
        gateway: Arc::clone(&gateway),
        lock: inherited.lock,
        sockets: std::sync::Mutex::new(sockets),
        replaced: Notify::new(),
        replacing: Mutex::new(()),
    };
    Ok((node, Serving { gateway, apis }))
}
