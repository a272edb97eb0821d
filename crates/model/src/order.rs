//! Kong's order of entities: what is referred to first, else core before plugins', else by name.

use std::collections::HashMap;

use crate::entities::DEFS;
use crate::entity::Entity;

/// Sorts entities so that each comes after those it refers to.
///
/// Ties are settled as Kong settles them, since exports and errors show the order: workspaces,
/// then core entities, then others; alphabetically within these.
pub(crate) fn sort(entities: Vec<Entity>) -> Vec<Entity> {
    let mut names: Vec<&'static str> = entities.iter().map(|entity| entity.name).collect();
    names.sort_by_key(|name| (rank(name), *name));
    let mut left: HashMap<&'static str, Entity> = entities.into_iter().map(|entity| (entity.name, entity)).collect();
    let mut sorted = Vec::with_capacity(left.len());
    for name in names {
        visit(name, &mut left, &mut sorted);
    }
    sorted
}

fn rank(name: &str) -> u8 {
    match name {
        "workspaces" => 0,
        name if DEFS.iter().any(|def| def.name == name) => 1,
        _ => 2,
    }
}

/// Moves an entity behind those it refers to. References in a circle end where they began.
fn visit(name: &str, left: &mut HashMap<&'static str, Entity>, sorted: &mut Vec<Entity>) {
    let Some(entity) = left.remove(name) else { return };
    for reference in &entity.refs {
        visit(reference.target, left, sorted);
    }
    sorted.push(entity);
}
