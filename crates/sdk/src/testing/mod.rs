//! Exchanges without sockets, for the tests of plugins.
