//! The fuzz target `sidecar-reply`.

#![no_main]

sei_fuzz::fuzz!("sidecar-reply");
