//! The fuzz target `yaml`.

#![no_main]

sei_fuzz::fuzz!("yaml");
