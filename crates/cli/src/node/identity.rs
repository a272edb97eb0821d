//! Who a node is: an id that stays over restarts, and the name of its host.

use anyhow::Context as _;
use gibbon_conf::Conf;
use uuid::Uuid;

use crate::prefix::Prefix;
use crate::prefix::write_private;

/// Keeps the id in the prefix; Kong's name.
const FILE: &str = "kong.id";

/// Returns the id of the node: `node_id`, else that of the prefix, which is made on first use.
pub(super) fn node_id(conf: &Conf, prefix: &Prefix) -> anyhow::Result<Uuid> {
    if let Some(id) = &conf.node_id {
        return id.parse().context("node_id must be a valid UUID");
    }
    let path = prefix.path(FILE);
    let kept = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    if let Some(id) = kept {
        return Ok(id);
    }
    let id = Uuid::new_v4();
    write_private(&path, id.to_string().as_bytes())?;
    Ok(id)
}

/// Returns the name of this host.
pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
