//! The page of entities.

use gibbon_model::Entity;
use gibbon_model::OnDelete;

use super::NOTE;
use super::Subject;
use super::field;

pub(super) fn page(subject: &Subject) -> String {
    let mut page = format!(
        "{NOTE}# Entities\n\nWhat can be configured. A field that is not required may be `null`. Names with dots are fields of records, `[]` \
         stands for an element of a list.\n\n"
    );
    for entity in subject.catalog.entities() {
        page += &section(entity);
    }
    page += "## routes with `router_flavor = expressions`\n\n";
    let routes = subject.with_expressions.entity("routes");
    page += &routes.map(|routes| field::table(&routes.record)).unwrap_or_default();
    page
}

fn section(entity: &Entity) -> String {
    let mut text = format!("## {}\n\n{}\n\n", entity.name, entity.record.description.as_deref().unwrap_or_default());
    if entity.generate_admin {
        let key =
            entity.endpoint_key.map_or(entity.primary_key.to_owned(), |key| format!("{} or {key}", entity.primary_key));
        text += &format!("- Admin API: `/{0}`, `/{0}/{{{key}}}`\n", entity.path());
    } else {
        text += "- Admin API: none\n";
    }
    if entity.cache_key.len() > 1 {
        let fields: Vec<String> = entity.cache_key.iter().map(|field| format!("`{field}`")).collect();
        text += &format!("- Unique together: {}\n", fields.join(", "));
    }
    for child in &entity.children {
        let then = match child.on_delete {
            OnDelete::Restrict => "cannot be deleted while one names it",
            OnDelete::Cascade => "deleting it deletes them",
            OnDelete::Null => "deleting it empties the field",
        };
        text += &format!("- Named by [`{0}`](#{0}) in `{1}`: {then}\n", child.entity, child.field);
    }
    text + "\n" + &field::table(&entity.record) + "\n"
}
