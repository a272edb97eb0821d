//! What the engine is told from outside: time, ids, randomness, the node's role, plugins' schemas.
//! It holds no state and does no I/O: whoever calls hands these in.

use uuid::Uuid;

use crate::Record;

/// The outside world of a write: automatic fields take their values from it.
pub trait World {
    /// Returns the time of this write in seconds since 1970 UTC, with millisecond fraction.
    fn now(&self) -> f64;
    /// Returns a fresh version 4 UUID.
    fn uuid(&self) -> Uuid;
    /// Fills `bytes` with unpredictable bytes.
    fn random(&self, bytes: &mut [u8]);
}

/// Whether the node has a database of its own (`database` in `kong.conf`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Database {
    /// The node writes to a database.
    #[default]
    On,
    /// The node is DB-less (`database = off`).
    Off,
}

/// The part a node plays in hybrid mode (`role` in `kong.conf`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Not hybrid: the node both configures and serves.
    #[default]
    Traditional,
    /// The node only configures others.
    ControlPlane,
    /// The node is configured by a control plane.
    DataPlane,
}

/// Which router the node runs (`router_flavor` in `kong.conf`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterFlavor {
    /// Routes match by fields.
    Traditional,
    /// Routes match by fields, compiled to expressions.
    #[default]
    TraditionalCompatible,
    /// Routes match by expressions, or by fields.
    Expressions,
}

/// The settings of the node that change what schemas allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether there is a database.
    pub database: Database,
    /// The node's part in hybrid mode.
    pub role: Role,
    /// The router in use.
    pub router_flavor: RouterFlavor,
}

impl Options {
    /// Returns whether nodes share a database, so that choices such as policy `cluster` make sense.
    #[must_use]
    pub fn shares_database(&self) -> bool {
        self.database == Database::On && self.role != Role::ControlPlane
    }
}

/// Finds the schema that specialises an abstract one, such as a plugin's for `plugins`.
pub trait Subschemas {
    /// Returns the subschema called `name` of a family such as `plugins`, or `None` when it is not enabled on this node.
    fn find(&self, family: &str, name: &str) -> Option<&Record>;

    /// Returns the schema of an entity that foreign fields refer to, to judge references by other fields than the id.
    fn entity(&self, name: &str) -> Option<&Record> {
        let _ = name;
        None
    }
}

/// The registry of a record without subschemas.
#[derive(Clone, Copy, Debug)]
pub struct NoSubschemas;

impl Subschemas for NoSubschemas {
    fn find(&self, _: &str, _: &str) -> Option<&Record> {
        None
    }
}

impl<F> Subschemas for F
where
    F: Fn(&str) -> Option<&'static Record>,
{
    fn find(&self, _: &str, name: &str) -> Option<&Record> {
        self(name)
    }
}

/// Everything a write needs beside the schema and the document.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The node's settings.
    pub options: Options,
    /// Time, ids and randomness.
    pub world: &'a dyn World,
    /// The registry of subschemas, by the value of the subschema key.
    pub subschemas: &'a dyn Subschemas,
}

impl<'a> Context<'a> {
    /// Makes a context without subschemas.
    #[must_use]
    pub fn new(options: Options, world: &'a dyn World) -> Self {
        Self { options, world, subschemas: &NoSubschemas }
    }

    /// Replaces the registry of subschemas.
    #[must_use]
    pub fn with_subschemas(mut self, subschemas: &'a dyn Subschemas) -> Self {
        self.subschemas = subschemas;
        self
    }
}
