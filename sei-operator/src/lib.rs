//! The program `sei-operator`, and what others may want of it: [`main`] is the program, whose commands stand in `cli`;
//! [`remarks_on_manifests`] and [`remarks_on_secrets`] judge texts as its commands do, for editors and for tests.

mod cli;
mod input;
mod install;
mod kubeconfig;
mod output;
mod run;

pub use cli::main;
pub use input::remarks::{Remark, remarks_on_manifests, remarks_on_secrets};
