//! What decK manages, in the order in which it writes; deletes go the other way. Each kind with its paths.

use serde_json::Value;

/// Who fills in the defaults of a schema, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defaults {
    /// Nobody: the kind has none that decK knows of.
    None,
    /// decK, before it writes and compares.
    Written,
    /// decK, on both sides before it compares; what is written is what the file says.
    Compared,
}

/// A kind of entity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The collection's path.
    pub(crate) path: &'static str,
    /// Field, collection and path word below it, for what is written below its owner.
    pub(crate) below: Option<(&'static str, &'static str, &'static str)>,
    pub(crate) defaults: Defaults,
}

const fn own(path: &'static str) -> Kind {
    Kind { path, below: None, defaults: Defaults::None }
}

const fn credential(path: &'static str, word: &'static str) -> Kind {
    Kind { path, below: Some(("consumer", "consumers", word)), defaults: Defaults::None }
}

/// All kinds, what is referred to first. Source: go-database-reconciler, `pkg/diff/order.go`.
pub(crate) const KINDS: &[Kind] = &[
    own("certificates"),
    own("ca_certificates"),
    own("consumers"),
    own("vaults"),
    own("key-sets"),
    own("snis"),
    Kind { defaults: Defaults::Written, ..own("services") },
    Kind { defaults: Defaults::Written, ..own("upstreams") },
    own("keys"),
    credential("key-auths", "key-auth"),
    credential("acls", "acls"),
    Kind { defaults: Defaults::Written, ..own("routes") },
    Kind { below: Some(("upstream", "upstreams", "targets")), defaults: Defaults::Written, ..own("targets") },
    Kind { defaults: Defaults::Compared, ..own("plugins") },
];

/// Collections that decK asks for and takes 404 from: of Kong's enterprise edition, or of plugins that are not there.
pub(crate) const OPTIONAL: &[&str] =
    &["consumer_groups", "mtls-auths", "partials", "hmac-auths", "jwts", "basic-auths", "oauth2"];

impl Kind {
    /// Returns the path of the collection that a document is written to.
    pub(crate) fn collection(self, document: &Value) -> String {
        match self.below {
            Some((field, owners, word)) => format!("/{owners}/{}/{word}", text(&document[field]["id"])),
            None => format!("/{}", self.path),
        }
    }

    /// Returns the path of a document.
    pub(crate) fn member(self, document: &Value) -> String {
        format!("{}/{}", self.collection(document), text(&document["id"]))
    }
}

/// Returns a text; empty for anything else.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
