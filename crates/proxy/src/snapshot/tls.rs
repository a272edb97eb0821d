//! Certificates by the names that TLS clients ask for. It reads no PEM and speaks no TLS.

use std::sync::Arc;

use gibbon_model::entities::Certificate;
use gibbon_model::entities::Sni;
use uuid::Uuid;

use crate::snapshot::Shards;

/// Certificates and the names they are shown for.
#[derive(Clone, Debug, Default)]
pub(super) struct Certificates {
    by_id: Shards<Uuid, Arc<Certificate>>,
    snis: Shards<Uuid, Arc<Sni>>,
    /// Ids of certificates by SNI, in lower case.
    by_name: Shards<Box<str>, Uuid>,
}

impl Certificates {
    pub(super) fn get(&self, id: Uuid) -> Option<&Arc<Certificate>> {
        self.by_id.get(&id)
    }

    /// Returns the certificate for a name. Source: Kong 3.10, runloop/certificate.lua.
    pub(super) fn find(&self, sni: Option<&str>) -> Option<&Arc<Certificate>> {
        if self.by_name.is_empty() {
            return None;
        }
        let name = sni.unwrap_or_default().to_ascii_lowercase();
        let suffix = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        let prefix = name.rsplit_once('.').map(|(rest, _)| format!("{rest}.*"));
        let names =
            [Some(name.as_str()).filter(|name| !name.is_empty()), suffix.as_deref(), prefix.as_deref(), Some("*")];
        names.into_iter().flatten().find_map(|name| self.by_id.get(self.by_name.get(name)?))
    }

    pub(super) fn set(&mut self, id: Uuid, certificate: Option<Certificate>) {
        match certificate {
            Some(certificate) => self.by_id.insert(id, Arc::new(certificate)),
            None => self.by_id.remove(&id),
        };
    }

    pub(super) fn set_sni(&mut self, id: Uuid, sni: Option<Sni>) {
        if let Some(before) = self.snis.remove(&id) {
            self.by_name.remove(before.name.to_ascii_lowercase().as_str());
        }
        if let Some(sni) = sni {
            self.by_name.insert(sni.name.to_ascii_lowercase().into(), sni.certificate.id);
            self.snis.insert(id, Arc::new(sni));
        }
    }
}
