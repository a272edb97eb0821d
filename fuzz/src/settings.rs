//! `kong.conf` and `KONG_*`: every property's own parser, listeners, addresses, sizes, durations, directives.

use std::collections::BTreeMap;

use gibbon_conf::Conf;
use gibbon_conf::ConfError;
use gibbon_conf::Sources;
use gibbon_conf::units;
use gibbon_conf::vault;

/// - A file is accepted or refused, never more;
/// - the file that a node writes of what it accepted makes the same configuration;
/// - a property says the same in the file and in the environment.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (units::size(text), units::duration(text), vault::Reference::parse(text));
    let mut env = BTreeMap::new();
    if let Some((name, value)) = text.split_once('=').filter(|(_, value)| !value.contains(['#', '\\', '\n', '\r'])) {
        env.insert(format!("KONG_{}", name.trim().to_uppercase()), value.trim().to_owned());
        let _ = load(None, &env);
    }
    let Ok(conf) = load(Some(text), &BTreeMap::new()) else { return };
    // Properties that were set to nothing are not in the file, so that the second one is the one that stays.
    let Ok(first) = load(Some(&conf.to_file()), &BTreeMap::new()) else { panic!("{}", conf.to_file()) };
    let file = first.to_file();
    match load(Some(&file), &BTreeMap::new()) {
        Ok(again) => assert_eq!(again.to_file(), file),
        Err(errors) => panic!("{errors:?}\n{file}"),
    }
}

fn load(file: Option<&str>, env: &BTreeMap<String, String>) -> Result<Conf, Vec<ConfError>> {
    Conf::load(Sources { cwd: "/", default_prefix: "/tmp/gibbon", file, env, overrides: &[] })
}
