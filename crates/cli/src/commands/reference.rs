//! `gibbon reference`: writes the reference pages and the OpenAPI document of this binary into a folder.

use std::path::Path;

use anyhow::Context as _;

use crate::reference;

pub(super) fn execute(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    for (name, text) in reference::files()? {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
