//! The page of properties.

use gibbon_conf::Kind as PropertyKind;
use gibbon_conf::PROPERTIES;
use gibbon_conf::Support;

use super::NOTE;
use super::field::cell;

pub(super) fn page() -> String {
    let mut page = format!(
        "{NOTE}# Properties\n\nLines of `kong.conf` (`name = value`), or variables of the environment: `KONG_NAME` or `GIBBON_NAME`, in capitals. \
         Properties marked *accepted* are taken and checked, but change nothing yet. `nginx_*` directives stand in \
         [limits.md](../limits.md).\n\n| property | type | default | |\n|---|---|---|---|\n"
    );
    for property in PROPERTIES {
        let kind = match property.kind {
            PropertyKind::Text => "text".to_owned(),
            PropertyKind::Flag | PropertyKind::Switch => "on or off".to_owned(),
            PropertyKind::Number => "number".to_owned(),
            PropertyKind::List => "list".to_owned(),
            PropertyKind::HttpListen => "listeners".to_owned(),
            PropertyKind::StreamListen => "stream listeners".to_owned(),
            PropertyKind::Choice(choices) => choices.join(", "),
        };
        let default = property.default.filter(|text| !text.is_empty()).map(|text| format!("`{}`", cell(text)));
        let mut about = cell(property.description.trim());
        if property.sensitive {
            about += " Shown as `******`.";
        }
        if property.support == Support::Accepted {
            about += " *Accepted.*";
        }
        page += &format!("| `{}` | {kind} | {} | {about} |\n", property.name, default.unwrap_or_default());
    }
    page
}
