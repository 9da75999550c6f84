//! What is wrong with a set of revisions before it can be a graph: ids, labels, parents, cycles. Pure.
//!
//! Alembic answers most of these with a bare exception, or not at all; each names its files here.

use std::collections::HashMap;

use diagnostics::{Diagnostic, Place};

use crate::graph::Edges;
use crate::graph::cycles::tangles;
use crate::revision::Revision;
use crate::similar::{did_you_mean, similar};

/// The width of Alembic's `version_num` column, in characters.
const LONGEST_ID: usize = 32;

/// Characters that have a meaning in targets (alembic, script/revision.py, `_revision_illegal_chars`).
const RESERVED: [char; 4] = ['@', '-', '+', ':'];

/// Names that mean something else in every target (alembic, script/revision.py, `_resolve_revision_number`).
const TARGETS: [&str; 3] = ["base", "head", "heads"];

/// How many missing names get a suggestion: comparing every name with every other takes its time, and a tree with
/// more of them has another problem than slips.
const SUGGESTIONS: usize = 20;

/// How many files of a cycle are shown.
const SHOWN: usize = 8;

/// The edges of every revision, or everything that is wrong.
pub(crate) fn check(revisions: &[Revision]) -> Result<Vec<Edges>, Vec<Diagnostic>> {
    let mut errors: Vec<Diagnostic> = revisions.iter().flat_map(id_errors).collect();
    let names = Names::collect(revisions, &mut errors);
    let edges: Vec<Edges> = revisions.iter().map(|revision| names.edges(revision, &mut errors)).collect();
    errors.extend(cycle_errors(revisions, &edges));
    if errors.is_empty() { Ok(edges) } else { Err(errors) }
}

fn id_errors(revision: &Revision) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let id = &revision.id;
    let error = |code, message: String| Diagnostic::error(code, message).at(revision.place.clone());
    if id.is_empty() {
        errors.push(
            error("revision-file/empty-id", "the revision's id is empty".to_owned()).help("give it an id"),
        );
    }
    let length = id.chars().count();
    if length > LONGEST_ID {
        let message = format!("the id '{id}' has {length} characters; the version table holds {LONGEST_ID}");
        errors.push(
            error("revision-file/long-id", message).help(
                "choose a shorter id: PostgreSQL would refuse the row after the migration's work is done",
            ),
        );
    }
    let reserved: Vec<String> =
        RESERVED.iter().filter(|reserved| id.contains(**reserved)).map(|c| format!("'{c}'")).collect();
    if !reserved.is_empty() {
        let message =
            format!("the id '{id}' contains {}, which Alembic does not allow", reserved.join(" and "));
        errors.push(error("revision-file/reserved-character", message).help(
            "use letters, digits and underscores: the others mean branches, ranges and relative targets",
        ));
    }
    if TARGETS.contains(&id.as_str()) {
        let message = format!("'{id}' cannot be a revision's id: as a target it means something else");
        errors.push(
            error("revision-file/reserved-id", message)
                .help("choose another id; Alembic cannot name this one"),
        );
    }
    errors
}

/// What ids and labels stand for.
struct Names<'a> {
    nodes: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn collect(revisions: &'a [Revision], errors: &mut Vec<Diagnostic>) -> Self {
        let mut nodes: HashMap<&str, usize> = HashMap::new();
        for (node, revision) in revisions.iter().enumerate() {
            if let Some(&first) = nodes.get(revision.id.as_str()) {
                errors.push(duplicate_id(revision, &revisions[first]));
            } else {
                nodes.insert(&revision.id, node);
            }
        }
        for (node, revision) in revisions.iter().enumerate() {
            for label in &revision.branch_labels {
                if let Some(&first) = nodes.get(label.as_str()) {
                    errors.push(duplicate_label(label, revision, &revisions[first]));
                } else {
                    nodes.insert(label, node);
                }
            }
        }
        Self { nodes }
    }

    fn edges(&self, revision: &Revision, errors: &mut Vec<Diagnostic>) -> Edges {
        let mut find = |names: &[String], declaration: &str, place: Option<&Place>| {
            let mut found = Vec::new();
            for name in names {
                match self.nodes.get(name.as_str()) {
                    Some(node) if !found.contains(node) => found.push(*node),
                    Some(_) => {}
                    None => {
                        let similar = if errors.len() < SUGGESTIONS {
                            similar(name, self.nodes.keys().copied())
                        } else {
                            Vec::new()
                        };
                        errors.push(missing(revision, name, declaration, place, &similar));
                    }
                }
            }
            found
        };
        Edges {
            down: find(&revision.down_revision, "down_revision", revision.down_revision_place.as_ref()),
            depends: find(&revision.depends_on, "depends_on", revision.depends_on_place.as_ref()),
        }
    }
}

fn missing(
    revision: &Revision,
    name: &str,
    declaration: &str,
    place: Option<&Place>,
    similar: &[String],
) -> Diagnostic {
    let place = narrow(place.unwrap_or(&revision.place), name);
    let message = format!("`{declaration}` of '{}' names '{name}', which no file declares", revision.id);
    let otherwise =
        "add the file that declares it (was it left out of a merge or of the image?), or correct the name";
    let help = match did_you_mean(similar) {
        _ if name.is_empty() => {
            "name the parent, or write None for the first revision of a branch".to_owned()
        }
        Some(question) => format!("{question} Otherwise {otherwise}"),
        None => otherwise.to_owned(),
    };
    Diagnostic::error("revision-graph/missing-parent", message).at(place).help(help)
}

fn duplicate_id(revision: &Revision, first: &Revision) -> Diagnostic {
    Diagnostic::error("revision-graph/duplicate-id", format!("two files declare the revision '{}'", revision.id))
        .at(revision.place.clone())
        .related(first.place.clone(), "the other one")
        .help(
            "give one of them a new id, and mend the files that name it; if they are the same revision, delete one \
             file",
        )
}

fn duplicate_label(label: &str, revision: &Revision, first: &Revision) -> Diagnostic {
    let place = revision.branch_labels_place.as_ref().unwrap_or(&revision.place);
    let message = if first.id == label {
        format!("the label '{label}' is the id of a revision")
    } else if first.id == revision.id {
        format!("the label '{label}' is declared twice by '{}'", revision.id)
    } else {
        format!("the label '{label}' is declared by '{}' and by '{}'", first.id, revision.id)
    };
    let first_place = if first.id == label { None } else { first.branch_labels_place.as_ref() };
    Diagnostic::error("revision-graph/duplicate-label", message)
        .at(narrow(place, label))
        .related(narrow(first_place.unwrap_or(&first.place), label), "also here")
        .help("labels and ids share one set of names: rename the label")
}

/// Cycles of parents first: they are cycles of all edges too, and need not be told twice.
fn cycle_errors(revisions: &[Revision], edges: &[Edges]) -> Vec<Diagnostic> {
    let parents: Vec<Vec<usize>> = edges.iter().map(|edges| edges.down.clone()).collect();
    let all: Vec<Vec<usize>> =
        edges.iter().map(|edges| edges.down.iter().chain(&edges.depends).copied().collect()).collect();
    let mut found = tangles(&parents);
    let known: Vec<usize> = found.iter().flat_map(|tangle| tangle.nodes.iter().copied()).collect();
    found.extend(
        tangles(&all).into_iter().filter(|tangle| !tangle.nodes.iter().any(|node| known.contains(node))),
    );
    found.iter().map(|tangle| cycle_error(revisions, edges, &tangle.cycle)).collect()
}

fn cycle_error(revisions: &[Revision], edges: &[Edges], cycle: &[usize]) -> Diagnostic {
    let ids: Vec<&str> = cycle.iter().map(|&node| revisions[node].id.as_str()).collect();
    let first = ids[0];
    let (message, help) = match cycle {
        [_] => {
            (format!("the revision '{first}' comes after itself"), "name the revision that came before it")
        }
        _ => (
            format!("revisions come after each other in a circle: {} -> {first}", ids.join(" -> ")),
            "correct the one that names a revision made after it",
        ),
    };
    let mut places = cycle.iter().zip(cycle.iter().cycle().skip(1)).map(|(&node, &parent)| {
        let revision = &revisions[node];
        let place = if edges[node].down.contains(&parent) {
            revision.down_revision_place.as_ref()
        } else {
            revision.depends_on_place.as_ref()
        };
        let remark = format!("'{}' comes after '{}'", revision.id, revisions[parent].id);
        (narrow(place.unwrap_or(&revision.place), &revisions[parent].id), remark)
    });
    let mut diagnostic = Diagnostic::error("revision-graph/cycle", message).help(help);
    if let Some((place, remark)) = places.next() {
        diagnostic = diagnostic.at(place).label(remark);
    }
    places.take(SHOWN).fold(diagnostic, |diagnostic, (place, remark)| diagnostic.related(place, remark))
}

/// The part of a declaration that holds this name, if it is written there in one piece.
fn narrow(place: &Place, name: &str) -> Place {
    let range = place.range();
    match place.source().text()[range.clone()].find(name) {
        Some(at) if !name.is_empty() => place.source().place(range.start + at..range.start + at + name.len()),
        _ => place.clone(),
    }
}
