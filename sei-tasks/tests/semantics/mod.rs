//! What an API server does, as a table, for the simulated one and for a real one.

mod objects;
mod ownership;
pub(crate) mod steps;
pub(crate) mod table;
