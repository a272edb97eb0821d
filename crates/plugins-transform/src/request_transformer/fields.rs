//! Named values that may repeat: a query string or a form as Lua's tables hold them. Order of names is lost, as it is
//! there; they are written sorted.

use std::collections::BTreeMap;

use gibbon_sdk::http::query::Args;

/// Values under names; `None` is a name without `=`.
#[derive(Default)]
pub(super) struct Fields {
    by_name: BTreeMap<Vec<u8>, Vec<Option<Vec<u8>>>>,
}

impl Fields {
    pub(super) fn parse(text: &[u8], max: usize) -> Self {
        let mut fields = Self::default();
        for arg in Args::parse(text, max).iter() {
            fields.by_name.entry(arg.name.clone()).or_default().push(arg.value.clone());
        }
        fields
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut args = Args::default();
        for (name, values) in &self.by_name {
            values.iter().for_each(|value| args.append_bytes(name, value.as_deref()));
        }
        args.encode()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        self.by_name.remove(name);
    }

    /// Gives what stands under `old` the name `new`; returns whether there was anything.
    pub(super) fn rename(&mut self, old: &[u8], new: &[u8]) -> bool {
        if old == new {
            return false;
        }
        let Some(values) = self.by_name.remove(old) else { return false };
        self.by_name.insert(new.to_vec(), values);
        true
    }

    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        self.by_name.insert(name.to_vec(), vec![Some(value.to_vec())]);
    }

    /// Adds a value; one without `=` gives way.
    pub(super) fn append(&mut self, name: &[u8], value: &[u8]) {
        let values = self.by_name.entry(name.to_vec()).or_default();
        if matches!(values.as_slice(), [None]) {
            values.clear();
        }
        values.push(Some(value.to_vec()));
    }

    /// Takes all fields of `other` beside its own.
    pub(super) fn join(&mut self, other: Self) {
        for (name, mut values) in other.by_name {
            self.by_name.entry(name).or_default().append(&mut values);
        }
    }
}
