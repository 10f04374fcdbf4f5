//! The source of {{name}}.

pub mod handler;
