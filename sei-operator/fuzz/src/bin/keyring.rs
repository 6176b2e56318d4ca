//! The fuzz target `keyring`.

#![no_main]

sei_fuzz::fuzz!("keyring");
