//! Stack files to Engine API bodies. Never talks to an engine.
