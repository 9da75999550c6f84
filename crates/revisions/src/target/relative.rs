//! Targets as the arguments of an upgrade or a downgrade: absolute ones, and `+1`, `-1`, `x+2`, `LABEL@+1`
//! (alembic, script/revision.py, `_parse_upgrade_target` and `_parse_downgrade_target`).

use super::name;
use super::walk::{self, End};
use crate::History;
use crate::target::{TargetError, TargetErrorKind};

/// A relative target, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Relative<'a> {
    label: Option<&'a str>,
    symbol: Option<&'a str>,
    negative: bool,
    amount: u64,
    /// Sign and digits as written.
    text: &'a str,
}

impl<'a> Relative<'a> {
    fn parse(target: &'a str) -> Option<Self> {
        let (label, rest) = name::split_label(target);
        if label.is_none() && target.contains('@') {
            return None;
        }
        let sign = rest.find(['+', '-'])?;
        let (symbol, text) = rest.split_at(sign);
        let digits = &text[1..];
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if !symbol.chars().all(word) || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let symbol = Some(symbol).filter(|symbol| !symbol.is_empty());
        // A number too large to hold is too far in any history.
        let amount = digits.parse().unwrap_or(u64::MAX);
        Some(Self { label, symbol, negative: text.starts_with('-'), amount, text })
    }

    fn too_far(&self) -> TargetError {
        TargetError::too_far(self.text, self.amount)
    }

    /// `symbol`, or `label@symbol` when walking down, which checks that the two belong together.
    fn start(&self, history: &History, symbol: &str) -> Result<Option<usize>, TargetError> {
        match self.label.filter(|_| self.negative) {
            None => name::node(history, symbol),
            Some(label) => name::node(history, &format!("{label}@{symbol}")),
        }
    }

    fn walk(&self, history: &History, start: Option<usize>) -> Result<End, TargetError> {
        if self.negative {
            walk::down(history, start, self.amount)
        } else {
            walk::up(history, start, self.amount, self.label)
        }
    }
}

/// The revisions that an upgrade goes to.
pub(crate) fn upgrade_targets(
    history: &History,
    rows: &[String],
    target: &str,
) -> Result<Vec<usize>, TargetError> {
    let Some(relative) = Relative::parse(target) else {
        return name::nodes(history, target).map_err(|error| for_plan(error, target));
    };
    let start = match relative.symbol {
        Some(symbol) => relative.start(history, symbol).map_err(|error| for_plan(error, target))?,
        // Up by nothing, or down, leads to no revision above the rows.
        None if relative.negative || relative.amount == 0 => return Err(relative.too_far()),
        None => start_of_rows(history, rows, relative.label)?,
    };
    match relative.walk(history, start)? {
        End::At(node) => Ok(vec![node]),
        End::BelowBase(_) | End::Off => Err(relative.too_far()),
    }
}

/// The one revision that `+1` counts from; `None` counts from below the bases.
fn start_of_rows(
    history: &History,
    rows: &[String],
    label: Option<&str>,
) -> Result<Option<usize>, TargetError> {
    let ambiguous = |starts: &[&str]| {
        TargetError::new(TargetErrorKind::AmbiguousWalk, "Ambiguous upgrade from multiple current revisions")
            .help(format!(
                "the current revisions are {}; say which one, as in '{}+1', or name the target",
                starts.join(", "),
                starts[0]
            ))
    };
    let starts = match label {
        None if rows.len() > 1 => {
            return Err(ambiguous(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        None => row_nodes(history, rows)?,
        Some(label) => starts_on_branch(history, &row_nodes(history, rows)?, label)?,
    };
    match starts.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        several => Err(ambiguous(&history.ids(several.iter().copied()))),
    }
}

/// The rows of a branch; when it has none of its own because another row implies it, its applied tips.
fn starts_on_branch(history: &History, rows: &[usize], label: &str) -> Result<Vec<usize>, TargetError> {
    let starts = name::in_lineage(history, rows.to_vec(), label)?;
    if !starts.is_empty() {
        return Ok(starts);
    }
    let graph = history.graph();
    let on_branch = name::in_lineage(history, graph.ancestors(rows).iter().collect(), label)?;
    let needed: Vec<usize> =
        on_branch.iter().flat_map(|&node| graph.normalized(node).iter().copied()).collect();
    Ok(on_branch.into_iter().filter(|node| !needed.contains(node)).collect())
}

/// Where a downgrade goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DowngradeTarget {
    /// The revision that stays; `None` when nothing stays.
    pub(crate) stays: Option<usize>,
    /// The only branch to touch, if the target names one.
    pub(crate) branch: Option<usize>,
}

/// Reads the target of a downgrade.
pub(crate) fn downgrade_target(
    history: &History,
    rows: &[String],
    target: &str,
) -> Result<DowngradeTarget, TargetError> {
    let Some(relative) = Relative::parse(target) else {
        let (label, symbol) = match target.rsplit_once('@') {
            Some((label, symbol)) => (Some(label).filter(|label| !label.is_empty()), symbol),
            None => (None, target),
        };
        let stays = name::node(history, symbol).map_err(|error| for_plan(error, target))?;
        let branch = label.map(|label| name::branch(history, label)).transpose()?;
        return Ok(DowngradeTarget { stays, branch });
    };
    let branch = |label: Option<&str>| label.map(|label| name::branch(history, label)).transpose();
    let (start, own_branch) = match relative.symbol {
        Some(symbol) => {
            let start = relative.start(history, symbol).map_err(|error| for_plan(error, target))?;
            (start, branch(relative.label)?)
        }
        None if !relative.negative => return Err(relative.too_far()),
        None => {
            let start = downgrade_start(history, rows, &relative)?;
            (Some(start), branch(relative.label)?.or(Some(start)))
        }
    };
    match relative.walk(history, start)? {
        End::At(node) => Ok(DowngradeTarget { stays: Some(node), branch: own_branch }),
        // Below the base of a branch the other branches stay. (Alembic unwinds them all for `x-1`.)
        End::BelowBase(base) => Ok(DowngradeTarget { stays: None, branch: own_branch.or(Some(base)) }),
        End::Off if relative.symbol.is_none() => Err(relative.too_far()),
        End::Off => Err(TargetError::new(TargetErrorKind::TooFar, "Walked too far")
            .help("there are fewer revisions in that direction; `tidegate revisions history` lists them")),
    }
}

/// The revision that `-1` counts from: the row on the branch, or else the first row.
fn downgrade_start(
    history: &History,
    rows: &[String],
    relative: &Relative<'_>,
) -> Result<usize, TargetError> {
    let Some(label) = relative.label else {
        let first = row_nodes(history, &rows[..rows.len().min(1)])?;
        return first.first().copied().ok_or_else(|| relative.too_far());
    };
    let nodes = row_nodes(history, rows)?;
    let mut on_branch = name::in_lineage(history, nodes.clone(), label)?;
    if on_branch.is_empty() {
        let graph = history.graph();
        let applied = graph.ancestors(&nodes);
        let tip = |node: &usize| !graph.next(*node).iter().any(|child| applied.contains(*child));
        on_branch = name::in_lineage(history, applied.iter().filter(tip).collect(), label)?;
    }
    on_branch.sort_unstable();
    on_branch.dedup();
    match on_branch.as_slice() {
        [] => Err(relative.too_far()),
        [only] => Ok(*only),
        several => Err(TargetError::new(TargetErrorKind::AmbiguousWalk, "Ambiguous walk").help(format!(
            "{} are on the branch '{label}'; name the revision to go back to",
            history.ids(several.iter().copied()).join(" and ")
        ))),
    }
}

/// Rows as revisions. Only whole ids count: a row is data, not something a person typed.
pub(crate) fn row_nodes(history: &History, rows: &[String]) -> Result<Vec<usize>, TargetError> {
    rows.iter()
        .map(|row| {
            history.graph().node(row).ok_or_else(|| TargetError {
                kind: TargetErrorKind::UnknownRow,
                ..TargetError::unresolved(row).help(
                    "the version table names a revision that these files do not have: use the image or the commit \
                     that has it",
                )
            })
        })
        .collect()
}

/// Alembic shows the whole target where a part of it names several heads.
fn for_plan(error: TargetError, target: &str) -> TargetError {
    if error.kind != TargetErrorKind::MultipleHeads {
        return error;
    }
    TargetError { help: error.help, ..TargetError::multiple_heads(target, &[]) }
}

#[cfg(test)]
mod tests {
    use super::Relative;

    #[test]
    fn relative_targets_are_told_from_absolute_ones() {
        let parsed = |target| Relative::parse(target).map(|r| (r.label, r.symbol, r.negative, r.amount));
        assert_eq!(parsed("+1"), Some((None, None, false, 1)));
        assert_eq!(parsed("abc-12"), Some((None, Some("abc"), true, 12)));
        assert_eq!(parsed("branch@+1"), Some((Some("branch"), None, false, 1)));
        assert_eq!(parsed("branch@abc+1"), Some((Some("branch"), Some("abc"), false, 1)));
        assert_eq!(parsed("+99999999999999999999"), Some((None, None, false, u64::MAX)));
        for absolute in ["abc", "abc+", "a b+1", "abc+1x", "branch@head", "@+1", "", "+"] {
            assert_eq!(parsed(absolute), None, "{absolute}");
        }
    }
}
