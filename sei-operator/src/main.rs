//! The program `sei-operator`: all of it is in the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    sei_operator::main()
}
