//! One command takes a stack on Docker Swarm and its PostgreSQL database from one release to the next, or leaves both as they were.
fn main() {}
