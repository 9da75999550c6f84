//! Real engines, databases, registries and Pythons for tests, started in temporary folders and stopped by pid. Tests only.

#![allow(clippy::missing_panics_doc, reason = "a helper of tests fails by a panic that says what happened")]

pub mod canary;
pub mod cluster;
pub mod command;
pub mod engine;
pub mod postgres;
pub mod processes;
pub mod python;
pub mod registry;
mod shell_image;
pub mod stack;
