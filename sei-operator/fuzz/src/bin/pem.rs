//! The fuzz target `pem`.

#![no_main]

sei_fuzz::fuzz!("pem");
