//! Compares what the library says about graphs with what Alembic said.

#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::Diagnostic;
use revisions::{History, Plan, TargetError};
use serde_json::Value;

use super::{Entry, history, strings};

/// All differences, each with its graph.
pub fn differences(graphs: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    for graph in graphs {
        let mut entries: Vec<Entry> =
            graph["files"].as_array().unwrap().iter().map(Entry::from_json).collect();
        entries.sort_by(|left, right| left.file.cmp(&right.file));
        let found = match (history(&entries), graph["load"] == "ok") {
            (Ok(history), true) => compare(graph, &history),
            (Err(_), false) => Vec::new(),
            // B1 and duplicate ids, which Alembic lets pass and then answers nonsense.
            (Err(errors), true) if errors.iter().all(is_better) => Vec::new(),
            (Err(errors), true) => vec![format!("refused: {errors:?}")],
            (Ok(_), false) => vec![format!("Alembic refused: {}", graph["load"])],
        };
        differences.extend(found.into_iter().map(|text| format!("graph {}: {text}", graph["id"])));
    }
    differences
}

fn is_better(error: &Diagnostic) -> bool {
    ["revision-graph/duplicate-id", "revision-graph/cycle"].contains(&error.code)
}

fn compare(graph: &Value, history: &History) -> Vec<String> {
    let mut differences = Vec::new();
    let mut same = |what: &str, ours: &[&str], theirs: &Value| {
        if ours != strings(theirs) {
            differences.push(format!("{what}: {ours:?}, Alembic {theirs}"));
        }
    };
    same("heads", &history.heads(), &graph["heads"]);
    same("real heads", &history.real_heads(), &graph["real_heads"]);
    same("bases", &history.bases(), &graph["bases"]);
    same("real bases", &history.real_bases(), &graph["real_bases"]);
    for (id, labels) in graph["branch_labels"].as_object().unwrap() {
        same(id, &history.labels(id).into_iter().collect::<Vec<_>>(), labels);
    }
    for (id, down) in graph["normalized_down"].as_object().unwrap() {
        let ours: BTreeSet<&str> = history.normalized_down(id).into_iter().collect();
        let theirs: BTreeSet<String> = strings(down).into_iter().collect();
        if !ours.iter().eq(theirs.iter()) {
            differences.push(format!("normalized down of {id}: {ours:?}, Alembic {theirs:?}"));
        }
    }
    for (target, answer) in graph["resolve"].as_object().unwrap() {
        differences.extend(compare_resolve(target, &history.resolve(target), answer));
    }
    for plan in graph["plans"].as_array().unwrap() {
        differences.extend(compare_plan(history, plan));
    }
    differences
}

fn compare_resolve(target: &str, ours: &Result<Vec<String>, TargetError>, theirs: &Value) -> Option<String> {
    let same = match (ours, theirs.get("error")) {
        (Ok(ids), None) => *ids == strings(theirs),
        (Err(error), Some(_)) => error.message == theirs["message"],
        _ => false,
    };
    (!same).then(|| format!("resolve {target}: {ours:?}, Alembic {theirs}"))
}

fn compare_plan(history: &History, theirs: &Value) -> Option<String> {
    let rows = strings(&theirs["rows"]);
    let target = theirs["target"].as_str().unwrap_or_default();
    let ours = match theirs["cmd"].as_str().unwrap() {
        "upgrade" => history.plan_upgrade(&rows, target),
        "downgrade" => history.plan_downgrade(&rows, target),
        _ => return None,
    };
    let same = match (&ours, theirs["error"].as_str()) {
        (Ok(plan), None) => {
            steps(plan) == expected_steps(theirs) || same_but_for_the_order(history, plan, theirs)
        }
        // B2 (a merge that depends on an ancestor of its parents): Alembic dies of a KeyError, where there is a plan.
        (Ok(plan), Some("KeyError")) => rows_are_right(history, plan),
        // Alembic walks off the history and trips over an assertion; any refusal is right.
        (Err(_), Some("AssertionError")) => true,
        (Err(error), Some(_)) => same_message(&error.message, theirs["message"].as_str().unwrap()),
        _ => false,
    };
    (!same).then(|| format!("{} {rows:?} -> {target}: {ours:?}, Alembic {theirs}", theirs["cmd"]))
}

/// Alembic keeps the dependencies of a revision in a set: with two of them its own order is left to chance.
fn same_but_for_the_order(history: &History, plan: &Plan, theirs: &Value) -> bool {
    let open = |id: &str| history.normalized_down(id).len() > history.down(id).len() + 1;
    let any_open = history.revisions().iter().any(|revision| open(&revision.id));
    let set =
        |steps: &[(String, Vec<String>)]| steps.iter().map(|(id, _)| id.clone()).collect::<BTreeSet<_>>();
    let (ours, theirs) = (steps(plan), expected_steps(theirs));
    let last = |steps: &[(String, Vec<String>)]| steps.last().map(|(_, rows)| rows.clone());
    any_open && set(&ours) == set(&theirs) && ours.len() == theirs.len() && last(&ours) == last(&theirs)
}

fn steps(plan: &Plan) -> Vec<(String, Vec<String>)> {
    plan.steps.iter().map(|step| (step.revision.clone(), step.rows_after.clone())).collect()
}

fn expected_steps(theirs: &Value) -> Vec<(String, Vec<String>)> {
    let step = |step: &Value| {
        let mut rows = strings(&step["rows"]);
        rows.sort_unstable();
        (step["rev"].as_str().unwrap().to_owned(), rows)
    };
    theirs["steps"].as_array().unwrap().iter().map(step).collect()
}

/// The rows after each step are the maximal applied revisions.
pub fn rows_are_right(history: &History, plan: &Plan) -> bool {
    let below: BTreeMap<&str, BTreeSet<&str>> = history
        .revisions()
        .iter()
        .map(|revision| (revision.id.as_str(), history.ancestors(&revision.id)))
        .collect();
    let mut applied: BTreeSet<&str> = plan.rows.iter().flat_map(|row| below[row.as_str()].clone()).collect();
    plan.steps.iter().all(|step| {
        applied.insert(&step.revision);
        let implied = |id: &str| applied.iter().any(|other| *other != id && below[other].contains(id));
        let rows: Vec<&str> = step.rows_after.iter().map(String::as_str).collect();
        // Every applied revision is a row or below one, and no row is below another.
        applied.iter().all(|id| rows.iter().any(|row| below[row].contains(id)))
            && rows.iter().all(|row| applied.contains(row) && !implied(row))
    })
}

/// The same text; the names in a list may come in another order, as Alembic takes them from a set.
fn same_message(ours: &str, theirs: &str) -> bool {
    let split = |text: &str| {
        let (before, names) = text.rsplit_once("revisions ").unwrap_or((text, ""));
        (before.to_owned(), names.split(", ").map(str::to_owned).collect::<BTreeSet<_>>())
    };
    ours == theirs || split(ours) == split(theirs)
}
