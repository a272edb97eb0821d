//! Authentication that several plugins share: who was named, what the upstream is told, anonymous and combined plugins.
