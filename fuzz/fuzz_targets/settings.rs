//! `cargo fuzz run settings`; what it asserts stands in the library.

#![cfg_attr(fuzzing, no_main)]

gibbon_fuzz::target!(settings);
