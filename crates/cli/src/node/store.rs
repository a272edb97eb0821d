//! Where a node's configuration is kept: the store that `database` names, and what a node without one starts with.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use gibbon_conf::Conf;
use gibbon_conf::Database;
use gibbon_model::Catalog;
use gibbon_model::declarative::Format;
use gibbon_model::entities::parameters::CLUSTER_ID;
use gibbon_store::Beside;
use gibbon_store::Clock;
use gibbon_store::EmbeddedStore;
use gibbon_store::MemoryStore;
use gibbon_store::PostgresStore;
use gibbon_store::Store;
use gibbon_store::StoreError;
use gibbon_store::Write;
use gibbon_store::Writer;
use serde_json::json;
use uuid::Uuid;

use super::identity;
use crate::declarative;
use crate::declarative::File;
use crate::postgres;
use crate::prefix::Prefix;

/// The embedded database, in the prefix.
const DATABASE_FILE: &str = "gibbon.db";

/// Opens the store of a configuration.
pub(crate) async fn open_store(conf: &Conf, prefix: &Prefix, catalog: &Arc<Catalog>) -> anyhow::Result<Arc<dyn Store>> {
    if conf.database == Database::Postgres {
        let settings = postgres::settings(conf, identity::node_id(conf, prefix)?)?;
        let store = PostgresStore::open(settings, Arc::clone(catalog), Clock::system()).await?;
        name_cluster(&store).await?;
        return Ok(Arc::new(store));
    }
    if conf.database == Database::Off {
        return Ok(Arc::new(MemoryStore::new(Arc::clone(catalog), Clock::system())));
    }
    let path = prefix.path(DATABASE_FILE);
    let store = EmbeddedStore::open(&path, Arc::clone(catalog), Clock::system());
    let store = store.with_context(|| format!("could not open the database {}", path.display()))?;
    name_cluster(&store).await?;
    Ok(Arc::new(store))
}

/// Gives a new database the id of its cluster, which Kong's first node writes and exports show.
async fn name_cluster(store: &dyn Store) -> anyhow::Result<()> {
    const ENTITY: &str = "parameters";
    if store.get(ENTITY, CLUSTER_ID).await?.is_some() {
        return Ok(());
    }
    let document = json!({"created_at": null, "key": CLUSTER_ID, "value": Uuid::new_v4().to_string()});
    let document = document.as_object().cloned().unwrap_or_default();
    match store.write(vec![Write::Insert { entity: ENTITY, document }]).await {
        // Another process was quicker, and its id counts.
        Ok(_) | Err(StoreError::PrimaryKeyTaken { .. }) => Ok(()),
        Err(error) => Err(error).context("the database could not be written"),
    }
}

/// Loads what `declarative_config` or `declarative_config_string` names, else what is `kept`, if the node has no database.
pub(super) async fn load_declarative(
    conf: &Conf,
    kept: Option<&str>,
    writer: &Writer,
    beside: Beside,
) -> anyhow::Result<()> {
    if conf.database != Database::Off {
        return Ok(());
    }
    let parsed = match (&conf.declarative_config, &conf.declarative_config_string) {
        (Some(path), _) => File::read(Path::new(path))
            .and_then(|file| file.parse(writer.declarative(), beside))
            .map_err(|why| anyhow::anyhow!("error parsing declarative config file {path}:\n{why}"))?,
        (None, Some(text)) => declarative::parse(writer.declarative(), text, Format::Any)
            .map_err(|why| anyhow::anyhow!("error parsing declarative config string:\n{why}"))?,
        (None, None) => match kept {
            Some(text) => declarative::parse(writer.declarative(), text, Format::Any).map_err(|why| {
                anyhow::anyhow!("error parsing the configuration of the node that is replaced:\n{why}")
            })?,
            None => return Ok(()),
        },
    };
    writer.replace_all(parsed).await.context("the declarative configuration could not be loaded")
}
