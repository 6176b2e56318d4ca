//! The fuzz target `plan-json`.

#![no_main]

sei_fuzz::fuzz!("plan-json");
