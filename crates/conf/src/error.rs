//! What can be wrong with a configuration, in Kong's words.

/// One thing that is wrong with a configuration. Its text is what `kong check` prints for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfError {
    /// The value is not of the property's type.
    #[error("{name} is not a {kind}: '{value}'")]
    Type {
        /// The property.
        name: String,
        /// Kong's word for the type.
        kind: &'static str,
        /// The text given.
        value: String,
    },
    /// The value is none of the words that the property knows.
    #[error("{name} has an invalid value: '{value}' ({choices})", choices = choices.join(", "))]
    Choice {
        /// The property.
        name: String,
        /// The text given, `nil` when it is empty.
        value: String,
        /// The words it knows.
        choices: &'static [&'static str],
    },
    /// A listener has another form than it must have.
    #[error("{name} {form}")]
    Listener {
        /// The property.
        name: String,
        /// The form it must have.
        form: &'static str,
    },
    /// A list has an entry that is not known.
    #[error("{name}: invalid entry '{entry}'")]
    Entry {
        /// The property.
        name: String,
        /// The entry.
        entry: String,
    },
    /// A list has an entry that is no address.
    #[error("{name} must be a comma separated list in the form of {form}, got '{entry}'")]
    Address {
        /// The property.
        name: String,
        /// What an entry may be.
        form: &'static str,
        /// The entry.
        entry: String,
    },
    /// A reference into a vault leads nowhere.
    #[error("failed to dereference '{reference}': {why} for config option '{name}'")]
    Reference {
        /// The property, with `[i]` for an item of a list.
        name: String,
        /// The reference as given.
        reference: String,
        /// Why it could not be resolved.
        why: crate::vault::VaultError,
    },
    /// An nginx directive that Gibbon acts on has a value that nginx would refuse.
    #[error("{name} has an invalid value: '{value}'")]
    Directive {
        /// The property.
        name: String,
        /// The text given.
        value: String,
    },
    /// Properties contradict each other, or one is out of its range.
    #[error("{0}")]
    Rule(String),
}
