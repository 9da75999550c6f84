//! Rules for stack files: what will go wrong in a deploy although the files are valid, why, and what to write
//! instead. Never prints, never writes a file, never talks to an engine; `stackfile` reads what the files name.
//!
//! ```text
//! stack files ─▶ stackfile::load ─▶ rules ─▶ ignore comments ─▶ fixes, each with a proof ─▶ masked findings
//! ```
//!
//! One rule, one file in `rules/`: its explanation, its check and its tests. `blocks` knows where things stand in
//! the text, `edit` makes a change of it, `proof` shows that the change does only
//! what it may.

mod blocks;
mod checker;
mod context;
mod diff;
mod docs;
mod edit;
mod finding;
mod fix;
mod ignore;
mod mask;
mod proof;
mod rule;
mod rules;
mod snapshot;
#[cfg(test)]
mod testing;

pub use checker::{Checked, check};
pub use docs::{explain, rules_markdown};
pub use finding::{Edit, Finding, Fix, FixState, Region};
pub use fix::{Fixed, fix};
pub use mask::without_secrets;
pub use rule::{Example, Rule};
pub use rules::{nearest, rule, rules};
