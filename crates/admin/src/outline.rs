//! What the Admin API serves, as data: the reference and the OpenAPI document are made from it. It answers no calls.

use gibbon_model::Catalog;
use gibbon_sdk::AdminRoute;

use crate::endpoints;
use crate::generic::Target;
use crate::generic::Verb;
use crate::routes::Handler;
use crate::routes::generated;

/// What a call does, which tells the shapes of its body and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answers a page of the entity.
    List(&'static str),
    /// Makes one from the body, and answers it.
    Create(&'static str),
    /// Answers one.
    Get(&'static str),
    /// Makes or replaces one by the body, and answers it.
    Put(&'static str),
    /// Changes what the body names, and answers it.
    Patch(&'static str),
    /// Deletes one; the answer is empty.
    Delete(&'static str),
    /// Has shapes of its own.
    Special,
}

/// A method of a path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Such as `/services/{services}/routes`.
    pub template: String,
    /// Upper case.
    pub method: String,
    /// What it does.
    pub action: Action,
    /// The same in a sentence.
    pub summary: String,
}

/// Returns every operation of a node with these entities and these endpoints of plugins, by path, then by method as
/// people expect them: GET, POST, PUT, PATCH, DELETE. Closed paths are not among them.
pub fn outline(catalog: &Catalog, plugins: &[AdminRoute]) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    for endpoint in generated(catalog).endpoints() {
        for (method, handler) in &endpoint.methods {
            let Handler::Generic(verb, target) = handler else { continue };
            let (template, method) = (endpoint.template.clone(), method.to_string());
            let (action, summary) = generic(*verb, *target);
            operations.push(Operation { template, method, action, summary });
        }
    }
    for operation in &mut operations {
        let keyed = endpoints::KEYED.iter().find(|(template, ..)| *template == operation.template);
        if let Some((_, _, Some(summary))) = keyed {
            operation.action = Action::Special;
            operation.summary = (*summary).to_owned();
        }
    }
    for (template, method, _, summary) in endpoints::ADMIN {
        let known = operations.iter_mut().find(|known| known.template == *template && known.method == method.as_str());
        match known {
            Some(known) => known.summary = (*summary).to_owned(),
            None => operations.push(Operation {
                template: (*template).to_owned(),
                method: method.to_string(),
                action: Action::Special,
                summary: (*summary).to_owned(),
            }),
        }
    }
    for route in plugins {
        operations.extend(route.methods.iter().map(|method| Operation {
            template: route.path.to_owned(),
            method: (*method).to_owned(),
            action: Action::Special,
            summary: "An endpoint of a plugin.".to_owned(),
        }));
    }
    operations.retain(|operation| !endpoints::DISABLED.contains(&operation.template.as_str()));
    let place = |method: &str| ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().position(|known| *known == method);
    operations.sort_by_key(|operation| (operation.template.replace('/', "\0"), place(&operation.method)));
    operations
}

/// Says what a generated endpoint does.
fn generic(verb: Verb, target: Target) -> (Action, String) {
    let (entity, of) = match target {
        Target::Own(entity) => (entity, String::new()),
        Target::Below { parent, child, .. } => (child, format!(" of {}", a(parent))),
        Target::Referenced { entity, target, .. } => (target, format!(" that {} names", a(entity))),
    };
    let one = match target {
        Target::Own(_) => a(entity),
        _ => format!("the {}", singular(entity)),
    };
    match verb {
        Verb::List => (Action::List(entity), format!("List {}{of}.", words(entity))),
        Verb::Create => (Action::Create(entity), format!("Create {}{of}.", a(entity))),
        Verb::Get => (Action::Get(entity), format!("Show {one}{of}.")),
        Verb::Put => (Action::Put(entity), format!("Create or replace {one}{of}.")),
        Verb::Patch => (Action::Patch(entity), format!("Change {one}{of}.")),
        Verb::Delete => (Action::Delete(entity), format!("Delete {one}{of}.")),
    }
}

/// Returns an entity's name for people: `key sets`, `CA certificates`.
fn words(entity: &str) -> String {
    let known = |word: &str| match word {
        "ca" => "CA".to_owned(),
        "acls" => "ACLs".to_owned(),
        "snis" => "SNIs".to_owned(),
        word => word.to_owned(),
    };
    entity.split('_').map(known).collect::<Vec<_>>().join(" ")
}

fn singular(entity: &str) -> String {
    let words = words(entity);
    words.strip_suffix('s').map(str::to_owned).unwrap_or(words)
}

fn a(entity: &str) -> String {
    let one = singular(entity);
    let vowel = one.starts_with(['a', 'e', 'i', 'o', 'A', 'S']) || one.starts_with("up");
    format!("{} {one}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_generated_endpoints_do() {
        let below = Target::Below { parent: "upstreams", field: "upstream", child: "targets" };
        let referenced = Target::Referenced { entity: "routes", field: "service", target: "services" };
        for (verb, target, want) in [
            (Verb::List, Target::Own("key_sets"), "List key sets."),
            (Verb::Get, Target::Own("ca_certificates"), "Show a CA certificate."),
            (Verb::Create, below, "Create a target of an upstream."),
            (Verb::Delete, below, "Delete the target of an upstream."),
            (Verb::Get, referenced, "Show the service that a route names."),
            (Verb::Put, Target::Own("snis"), "Create or replace an SNI."),
        ] {
            assert_eq!(generic(verb, target).1, want);
        }
    }
}
