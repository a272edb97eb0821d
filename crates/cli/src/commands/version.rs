//! `gibbon version`: the version of Kong that is spoken, and that of this program.

pub(super) fn execute(all: bool) -> anyhow::Result<()> {
    println!("3.10.0");
    if all {
        println!("gibbon: {}", env!("CARGO_PKG_VERSION"));
    }
    Ok(())
}
