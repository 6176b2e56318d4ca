//! The fuzz target `key-json`.

#![no_main]

sei_fuzz::fuzz!("key-json");
