//! YAML text to a tree in which every value keeps its place, with the scalar rules of Go's yaml.v3 (the library
//! of the official client): `0440` is 288, `yes` is a string, `<<` merges shallowly, a key given twice is an error.
//!
//! Knows nothing of stack files.

mod float;
mod mapping;
mod node;
mod parse;
mod repair;
mod scalar;
#[cfg(test)]
mod tests;
mod timestamp;

pub(crate) use float::go_float;
pub(crate) use node::{Entry, Map, MergeTag, Node, Value};
pub(crate) use parse::parse;
pub(crate) use scalar::{is_plain_string, parse_float};
pub(crate) use timestamp::Timestamp;
