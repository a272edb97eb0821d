//! The page of endpoints.

use super::NOTE;
use super::Subject;

pub(super) fn page(subject: &Subject) -> String {
    let mut page = format!(
        "{NOTE}# Endpoints\n\nPaths of the Admin API, by their first word. `{{routes}}` and the like stand for an id, or the name if there is one. \
         How lists, bodies and errors work stands in [admin-api.md](../admin-api.md). Every path answers `OPTIONS`, and `HEAD` where it answers \
         `GET`.\n"
    );
    let mut group = None;
    for operation in &subject.operations {
        let first = operation.template.split('/').nth(1).unwrap_or_default();
        if group != Some(first) {
            group = Some(first);
            page += &format!("\n## /{first}\n\n| | path | what it does |\n|---|---|---|\n");
        }
        page += &format!("| {} | `{}` | {} |\n", operation.method, operation.template, operation.summary);
    }
    page
}
