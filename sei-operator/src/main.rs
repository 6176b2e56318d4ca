//! The program `sei-operator`: all of it is in the library beside this file.

use std::process::ExitCode;

/// Static images link against musl, whose own allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sei_operator::main()
}
