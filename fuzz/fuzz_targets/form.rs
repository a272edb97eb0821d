//! `cargo fuzz run form`; what it asserts stands in the library.

#![cfg_attr(fuzzing, no_main)]

gibbon_fuzz::target!(form);
