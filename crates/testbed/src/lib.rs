//! Real engines, databases, registries and Pythons for tests, started in temporary folders and stopped by pid. Tests only.

pub mod postgres;
pub mod python;
