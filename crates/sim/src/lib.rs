//! A simulated Swarm manager for tests. Never part of the shipped binary's deploy path.
