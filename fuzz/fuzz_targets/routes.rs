//! `cargo fuzz run routes`; what it asserts stands in the library.

#![cfg_attr(fuzzing, no_main)]

gibbon_fuzz::target!(routes);
