//! The page of plugins.

use gibbon_schema::Kind;
use gibbon_sdk::PluginDef;

use super::NOTE;
use super::Subject;
use super::field;

pub(super) fn page(subject: &Subject) -> String {
    let mut page = format!(
        "{NOTE}# Plugins\n\nFields of `config`, for each plugin. What a plugin does, with examples, stands in its README. Higher priorities run \
         earlier.\n\n| plugin | priority | phases | may be tied to |\n|---|---|---|---|\n"
    );
    let mut plugins: Vec<&PluginDef> = subject.plugins.iter().collect();
    plugins.sort_by_key(|plugin| plugin.kind.name);
    for plugin in &plugins {
        let (name, priority) = (plugin.kind.name, plugin.kind.priority);
        page += &format!(
            "| [`{name}`](#{name}) | {priority} | {} | {} |\n",
            plugin.phases.names().join(", "),
            scopes(plugin)
        );
    }
    for plugin in &plugins {
        page += &format!("\n## {}\n\n[README]({})\n\n", plugin.kind.name, readme(plugin.code));
        if let Some(Kind::Record(config)) = plugin.kind.record.field("config").map(|field| &field.kind) {
            page += &field::table(config);
        }
    }
    page
}

fn scopes(plugin: &PluginDef) -> String {
    let scopes = plugin.kind.scopes;
    let all = [(scopes.service, "service"), (scopes.route, "route"), (scopes.consumer, "consumer")];
    let words: Vec<&str> = all.iter().filter(|(may, _)| *may).map(|(_, word)| *word).collect();
    if words.is_empty() { "nothing: always global".to_owned() } else { words.join(", ") }
}

/// Returns the path of a plugin's README, from the path of its code: `gibbon_plugins_auth::key_auth::KeyAuth`.
fn readme(code: &str) -> String {
    let mut parts = code.split("::");
    let name = parts.next().unwrap_or_default().trim_start_matches("gibbon_").replace('_', "-");
    format!("../../crates/{name}/src/{}/README.md", parts.next().unwrap_or_default())
}
