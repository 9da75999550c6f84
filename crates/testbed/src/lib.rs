//! Real engines, databases, registries and Pythons for tests, started in temporary folders and stopped by pid. Tests only.
