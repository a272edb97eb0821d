//! The schema a plugin lays over `plugins`: its config, the protocols it serves, what it may be bound to.
//! Plugins themselves are found by the registry.

use crate::Field;
use crate::Record;
use crate::typedefs;

/// Whether a plugin may be bound to a consumer, route or service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// It may.
    #[default]
    Allowed,
    /// It may not: the field must stay null.
    Refused,
}

/// What a plugin may be bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// A consumer.
    pub consumer: Binding,
    /// A route.
    pub route: Binding,
    /// A service.
    pub service: Binding,
}

impl Bindings {
    /// Refuses consumers, as authentication plugins do.
    pub const NO_CONSUMER: Self =
        Self { consumer: Binding::Refused, route: Binding::Allowed, service: Binding::Allowed };

    /// Refuses everything: the plugin is global.
    pub const GLOBAL_ONLY: Self =
        Self { consumer: Binding::Refused, route: Binding::Refused, service: Binding::Refused };
}

/// Builds the subschema of a plugin from its config.
///
/// `protocols` is [`typedefs::protocols_http`], [`typedefs::protocols`] or a set of the plugin's own.
/// The config's `plugin_checks` become the subschema's checks.
#[must_use]
pub fn plugin_record(mut config: Record, protocols: Field, bindings: Bindings) -> Record {
    let checks = std::mem::take(&mut config.plugin_checks);
    let refused = [
        (bindings.consumer, typedefs::no_consumer().named("consumer")),
        (bindings.service, typedefs::no_service().named("service")),
        (bindings.route, typedefs::no_route().named("route")),
    ];
    let mut fields: Vec<Field> =
        refused.into_iter().filter(|(binding, _)| *binding == Binding::Refused).map(|(_, field)| field).collect();
    fields.push(protocols.named("protocols"));
    fields.push(Field::record(config).named("config").required());
    Record { checks, ..Record::new(fields) }
}
