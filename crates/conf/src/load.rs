//! From sources to a checked configuration: precedence, references, aliases, what follows from other properties.

use std::collections::BTreeMap;

use crate::Block;
use crate::Bounds;
use crate::Conf;
use crate::ConfError;
use crate::Directives;
use crate::Limits;
use crate::checks;
use crate::directives;
use crate::file;
use crate::properties::PROPERTIES;
use crate::properties::Properties;
use crate::properties::Property;
use crate::properties::find;
use crate::value::Kind;
use crate::value::Value;
use crate::vault;
use crate::vault::EnvVault;

/// Where a configuration comes from; of two sources that set a property the later field wins.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The folder that a relative prefix starts from.
    pub cwd: &'a str,
    /// The prefix if no source sets it; empty is Kong's default, `/usr/local/kong`.
    pub default_prefix: &'a str,
    /// The text of the configuration file.
    pub file: Option<&'a str>,
    /// The environment: `KONG_NAME`, over which `GIBBON_NAME` wins. A variable set to nothing unsets the property. Also what references to
    /// the `env` vault read.
    pub env: &'a BTreeMap<String, String>,
    /// Values from the command line, by property.
    pub overrides: &'a [(&'a str, String)],
}

/// Aliases: the value of the old name is also that of the new, unless the user set the new too.
const ALIASES: &[(&str, &str)] = &[
    ("nginx_user", "nginx_main_user"),
    ("nginx_daemon", "nginx_main_daemon"),
    ("nginx_worker_processes", "nginx_main_worker_processes"),
    ("real_ip_header", "nginx_proxy_real_ip_header"),
    ("real_ip_recursive", "nginx_proxy_real_ip_recursive"),
    ("opentelemetry_tracing", "tracing_instrumentations"),
    ("opentelemetry_tracing_sampling_rate", "tracing_sampling_rate"),
    ("privileged_worker", "dedicated_config_processing"),
    ("router_consistency", "worker_consistency"),
];

/// Properties that are also directives of these names, unless the user set the directive.
const AS_DIRECTIVES: &[(&str, &[&str])] = &[
    ("lua_ssl_protocols", &["nginx_http_lua_ssl_protocols", "nginx_stream_lua_ssl_protocols"]),
    ("ssl_dhparam", &["nginx_http_ssl_dhparam", "nginx_stream_ssl_dhparam"]),
    ("ssl_prefer_server_ciphers", &["nginx_http_ssl_prefer_server_ciphers", "nginx_stream_ssl_prefer_server_ciphers"]),
    ("ssl_protocols", &["nginx_http_ssl_protocols", "nginx_stream_ssl_protocols"]),
    ("ssl_session_tickets", &["nginx_http_ssl_session_tickets", "nginx_stream_ssl_session_tickets"]),
    ("ssl_session_timeout", &["nginx_http_ssl_session_timeout", "nginx_stream_ssl_session_timeout"]),
];

/// A preset of `ssl_cipher_suite`. Source: Mozilla's Server Side TLS, as Kong 3.10 has it.
struct Suite {
    name: &'static str,
    protocols: &'static str,
    prefer_server_ciphers: bool,
    dhparam: Option<&'static str>,
    ciphers: Option<&'static str>,
}

const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";

const SUITES: &[Suite] = &[
    Suite { name: "modern", protocols: "TLSv1.3", prefer_server_ciphers: false, dhparam: None, ciphers: None },
    Suite {
        name: "intermediate",
        protocols: "TLSv1.2 TLSv1.3",
        prefer_server_ciphers: false,
        dhparam: Some("ffdhe2048"),
        ciphers: Some(INTERMEDIATE),
    },
    Suite {
        name: "fips",
        protocols: "TLSv1.2",
        prefer_server_ciphers: true,
        dhparam: None,
        ciphers: Some("TLSv1.2+FIPS:kRSA+FIPS:!eNULL:!aNULL"),
    },
];

pub(crate) fn load(sources: Sources<'_>) -> Result<Conf, Vec<ConfError>> {
    let mut given = Given::collect(&sources);
    given.prefix(&sources);
    given.aliases();
    given.database();
    let prefix = given.text("vault_env_prefix").unwrap_or_default();
    let mut loading = Loading::new(EnvVault::new(sources.env.clone(), prefix));
    for property in PROPERTIES {
        if let Some(text) = given.value(property) {
            loading.property(property, text, given.by_user(property.name));
        }
    }
    for (name, text) in &given.values {
        if find(name).is_none() && !text.trim().is_empty() {
            loading.dynamic(name, text.trim());
        }
    }
    loading.cipher_suite();
    loading.as_directives(&given);
    loading.finish(given)
}

/// The texts that the user gave.
#[derive(Default)]
struct Given {
    values: BTreeMap<String, String>,
    /// Names that got their value from here, not from the user.
    inferred: Vec<&'static str>,
}

impl Given {
    fn collect(sources: &Sources<'_>) -> Self {
        let mut given = Self::default();
        for (name, value) in sources.file.map(file::read).unwrap_or_default() {
            given.take(name, value);
        }
        for prefix in ["KONG_", "GIBBON_"] {
            for (variable, value) in sources.env {
                if let Some(name) = variable.strip_prefix(prefix) {
                    given.take(name.to_ascii_lowercase(), value.clone());
                }
            }
        }
        for (name, value) in sources.overrides {
            given.take((*name).to_owned(), value.clone());
        }
        given
    }

    // Unknown names are dropped without a word, as Kong does.
    fn take(&mut self, name: String, value: String) {
        let dynamic =
            || directives::split(&name).is_some() || name.starts_with("pluginserver_") || name.starts_with("vault_");
        if find(&name).is_some() || dynamic() {
            self.values.insert(name, value);
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn by_user(&self, name: &str) -> bool {
        self.values.contains_key(name) && !self.inferred.contains(&name)
    }

    fn infer(&mut self, name: &'static str, value: String) {
        self.values.insert(name.to_owned(), value);
        self.inferred.push(name);
    }

    fn value<'a>(&'a self, property: &Property) -> Option<&'a str> {
        self.values.get(property.name).map(String::as_str).or(property.default)
    }

    fn prefix(&mut self, sources: &Sources<'_>) {
        let default = if sources.default_prefix.is_empty() { "/usr/local/kong" } else { sources.default_prefix };
        let given = self.text("prefix");
        let prefix = given.as_deref().unwrap_or(default).trim_end_matches('/');
        let absolute = match prefix {
            "" => "/".to_owned(),
            prefix if prefix.starts_with('/') || prefix.starts_with("{vault:") => prefix.to_owned(),
            "." => sources.cwd.to_owned(),
            prefix => format!("{}/{}", sources.cwd.trim_end_matches('/'), prefix.trim_start_matches("./")),
        };
        match given {
            Some(_) => _ = self.values.insert("prefix".to_owned(), absolute),
            None => self.infer("prefix", absolute),
        }
    }

    fn aliases(&mut self) {
        for (old, new) in ALIASES {
            if let Some(value) = self.values.get(*old).filter(|_| !self.values.contains_key(*new)).cloned() {
                self.infer(new, value);
            }
        }
    }

    fn database(&mut self) {
        if self.text("database").is_none() {
            let postgres = self.values.keys().any(|name| name.starts_with("pg_"));
            self.infer("database", if postgres { "postgres" } else { "embedded" }.to_owned());
        }
    }
}

/// A configuration on its way: values as used and as shown.
struct Loading {
    env_vault: EnvVault,
    values: BTreeMap<String, Value>,
    shown: BTreeMap<String, Value>,
    errors: Vec<ConfError>,
}

impl Loading {
    fn new(env_vault: EnvVault) -> Self {
        Self { env_vault, values: BTreeMap::new(), shown: BTreeMap::new(), errors: Vec::new() }
    }

    fn property(&mut self, property: &Property, text: &str, by_user: bool) {
        let name = property.name;
        let clear = self.dereference(property, text);
        match Value::read(property.kind, &clear) {
            Err(kind) => self.errors.push(ConfError::Type { name: name.to_owned(), kind, value: clear.clone() }),
            Ok(Some(value)) => _ = self.values.insert(name.to_owned(), value),
            Ok(None) => {}
        }
        if let Kind::Choice(choices) = property.kind {
            let value = self.values.get(name).and_then(Value::text).unwrap_or("nil");
            let own = name == "database" && value == "embedded";
            if !own && !choices.contains(&value) && (by_user || value != "nil") {
                self.errors.push(ConfError::Choice { name: name.to_owned(), value: value.to_owned(), choices });
            }
        }
        let shown = if clear == text { None } else { Some(shown(property.kind, text)) };
        if let Some(value) = shown.or_else(|| self.values.get(name).cloned()) {
            self.shown.insert(name.to_owned(), value);
        }
    }

    fn dynamic(&mut self, name: &str, text: &str) {
        let clear = self.reference(name, text);
        self.values.insert(name.to_owned(), Value::Text(clear));
        self.shown.insert(name.to_owned(), Value::Text(text.to_owned()));
    }

    /// Replaces references, of a text or of the items of a list, by what they refer to.
    fn dereference(&mut self, property: &Property, text: &str) -> String {
        if !text.contains("{vault://") {
            return text.to_owned();
        }
        if property.kind != Kind::List {
            return self.reference(property.name, text.trim());
        }
        let items: Vec<String> = (1..)
            .zip(text.split(','))
            .map(|(at, item)| self.reference(&format!("{}[{at}]", property.name), item.trim()))
            .collect();
        items.join(",")
    }

    fn reference(&mut self, name: &str, text: &str) -> String {
        let Some(path) = vault::reference(text) else { return text.to_owned() };
        match self.env_vault.resolve(path) {
            Ok(value) => value,
            Err(why) => {
                self.errors.push(ConfError::Reference { name: name.to_owned(), reference: text.to_owned(), why });
                String::new()
            }
        }
    }

    fn put(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => {
                self.values.insert(name.to_owned(), value.clone());
                self.shown.insert(name.to_owned(), value);
            }
            None => {
                self.values.remove(name);
                self.shown.remove(name);
            }
        }
    }

    fn cipher_suite(&mut self) {
        let name = self.values.get("ssl_cipher_suite").and_then(Value::text);
        let Some(suite) = SUITES.iter().find(|suite| Some(suite.name) == name) else { return };
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        self.put("ssl_ciphers", suite.ciphers.and_then(text));
        self.put("ssl_dhparam", suite.dhparam.and_then(text));
        for subsystem in ["http", "stream"] {
            self.put(&format!("nginx_{subsystem}_ssl_protocols"), text(suite.protocols));
            let prefer = if suite.prefer_server_ciphers { "on" } else { "off" };
            self.put(&format!("nginx_{subsystem}_ssl_prefer_server_ciphers"), text(prefer));
            self.put(&format!("nginx_{subsystem}_ssl_dhparam"), suite.dhparam.and_then(text));
        }
    }

    fn as_directives(&mut self, given: &Given) {
        for (name, directives) in AS_DIRECTIVES {
            for directive in *directives {
                if given.by_user(directive) || self.values.contains_key(*directive) {
                    continue;
                }
                let value = self.values.get(*name).map(|value| Value::Text(crate::json::line(value)));
                if value.is_some() {
                    self.put(directive, value);
                }
            }
        }
    }

    fn finish(mut self, given: Given) -> Result<Conf, Vec<ConfError>> {
        let values = &self.values;
        if self.errors.is_empty() {
            self.errors = checks::check(&|name| values.get(name));
        }
        let mut directives = Directives::default();
        for (name, value) in values {
            directives.add(name, &crate::json::line(value));
        }
        let mut limits = |block| Limits::of(&directives, block).map_err(|error| self.errors.push(error));
        let limits = (limits(Block::Proxy), limits(Block::Admin), limits(Block::Status));
        let (Ok(proxy_limits), Ok(admin_limits), Ok(status_limits)) = limits else { return Err(self.errors) };
        let text = |name: &str| values.get(name).and_then(Value::text).unwrap_or_default().to_owned();
        let bounds = Bounds::of(&directives, text).map_err(|error| self.errors.push(error)).unwrap_or_default();
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        // Where a property has a newer name, that one's value holds for both.
        let newest = |name: &'static str| ALIASES.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new);
        let properties = Properties::new(|name| values.get(newest(name)));
        let set = given.values.keys().filter(|name| given.by_user(name)).cloned().collect();
        let (shown, env_vault) = (self.shown, self.env_vault);
        Ok(Conf { properties, shown, set, directives, proxy_limits, bounds, admin_limits, status_limits, env_vault })
    }
}

/// How a value that holds a reference is shown: as it was given.
fn shown(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::List => Value::read(kind, text).ok().flatten().unwrap_or(Value::List(Vec::new())),
        _ => Value::Text(text.trim().to_owned()),
    }
}
