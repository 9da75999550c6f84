//! What `tidegate revisions` prints: JSON documents, and the same in words.

use std::path::Path;

use diagnostics::Diagnostic;
use revisions::{Diagnosis, Direction, History, Plan, Revision, TargetError, draw};
use serde_json::{Value, json};

use super::text;
use crate::cli::{Global, OutputFormat};

/// Prints the JSON, or else the text.
pub fn list(json: bool, value: &Value, words: impl FnOnce() -> String) {
    if json {
        text(&format!("{value}\n"));
    } else {
        text(&words());
    }
}

/// Shows what is doubtful about the files. On stderr, also for machines: stdout is one JSON document.
pub fn warnings(history: &History, global: &Global) {
    let computed = history.dynamic().map(|(revision, dynamic)| {
        Diagnostic::warning(
            "revision-file/computed",
            format!("`{}` of '{}' is computed; it counts as absent here", dynamic.name, revision.id),
        )
        .at(dynamic.place.clone())
        .help("`tidegate migrate` asks the project's own Python for it; here, write the value out")
    });
    for warning in history.warnings().iter().cloned().chain(computed) {
        if global.output == OutputFormat::Json {
            eprintln!("warning: {warning}");
        } else {
            super::warning(&warning, global);
        }
    }
}

/// A path without the `./` that a relative search begins with.
pub fn path(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// The heads: `effective` marks those that another revision depends on, as `alembic heads` does.
pub fn heads_json(history: &History) -> Value {
    let real = history.real_heads();
    revisions_of(history, &history.heads())
        .map(|revision| {
            json!({
                "revision": revision.id,
                "file": path(&revision.file),
                "labels": history.labels(&revision.id),
                "effective": !real.contains(&revision.id.as_str()),
            })
        })
        .collect()
}

/// The bases.
pub fn bases_json(history: &History) -> Value {
    revisions_of(history, &history.bases())
        .map(|revision| {
            json!({ "revision": revision.id, "file": path(&revision.file), "labels": history.labels(&revision.id) })
        })
        .collect()
}

/// All revisions, in upgrade order.
pub fn history_json(history: &History) -> Value {
    history.history().into_iter().map(|revision| revision_json(history, revision)).collect()
}

/// One revision.
pub fn revision_json(history: &History, revision: &Revision) -> Value {
    let dynamic: Vec<&str> = revision.dynamic.iter().map(|dynamic| dynamic.name).collect();
    json!({
        "revision": revision.id,
        "down_revision": revision.down_revision,
        "depends_on": revision.depends_on,
        "labels": history.labels(&revision.id),
        "message": revision.message,
        "file": path(&revision.file),
        "tags": draw::tags(history, &revision.id),
        "computed": dynamic,
    })
}

/// A plan, or why there is none.
pub fn plan_json(plan: &Plan, error: Option<&TargetError>) -> Value {
    let error = error.map(|error| json!({ "kind": error.kind, "message": error.message }));
    json!({ "rows": plan.rows, "target": plan.target, "steps": plan.steps, "error": error })
}

/// A diagnosis, with its findings in words.
pub fn diagnosis_json(diagnosis: &Diagnosis) -> Value {
    let findings: Vec<Value> = diagnosis
        .findings
        .iter()
        .map(|finding| {
            let mut object = json!(finding);
            object["message"] = json!(finding.message());
            object["choices"] = json!(finding.choices());
            object
        })
        .collect();
    let mut object = json!(diagnosis);
    object["findings"] = json!(findings);
    object["consistent"] = json!(diagnosis.is_consistent());
    object
}

/// Revisions, one a line.
pub fn revisions(history: &History, ids: &[&str]) -> String {
    let lines = revisions_of(history, ids).map(|revision| headline(history, revision) + "\n");
    lines.collect()
}

/// Everything about one revision.
pub fn one(history: &History, revision: &Revision) -> String {
    let none_or = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let id = &revision.id;
    let mut lines = vec![headline(history, revision)];
    lines.push(format!("  parents: {}", none_or(history.down(id))));
    if !revision.depends_on.is_empty() {
        lines.push(format!("  depends on: {}", none_or(history.depends_on(id))));
    }
    let mut after = history.descendants(id);
    after.remove(id.as_str());
    lines.push(format!("  revisions before it: {}", history.ancestors(id).len() - 1));
    lines.push(format!("  revisions after it: {}", after.len()));
    lines.push(format!("  file: {}", path(&revision.file)));
    lines.join("\n") + "\n"
}

/// The steps of a plan.
pub fn plan(history: &History, plan: &Plan) -> String {
    if plan.steps.is_empty() {
        return format!("nothing to do: {} is reached\n", plan.target);
    }
    let mut lines = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let verb = match step.direction {
            Direction::Upgrade => "upgrade",
            Direction::Downgrade => "downgrade",
        };
        let message =
            history.revision(&step.revision).map(|revision| revision.message.as_str()).unwrap_or_default();
        let rows = if step.rows_after.is_empty() { "none".to_owned() } else { step.rows_after.join(", ") };
        lines.push(format!("{:>4}  {verb} {} {message}", at + 1, step.revision).trim_end().to_owned());
        lines.push(format!("      rows: {rows}"));
    }
    lines.join("\n") + "\n"
}

/// What rows mean, and what to do.
pub fn diagnosis(diagnosis: &Diagnosis) -> String {
    let mut lines = Vec::new();
    if diagnosis.findings.is_empty() {
        lines.push("the rows are consistent".to_owned());
    }
    for finding in &diagnosis.findings {
        lines.push(finding.message());
        lines.extend(finding.choices().iter().map(|choice| format!("  - {choice}")));
    }
    if let Some(repair) = &diagnosis.repair {
        lines.push("repair, proven: the set of applied revisions stays the same".to_owned());
        for deletion in &repair.delete {
            let times =
                if deletion.count == 1 { String::new() } else { format!(" {} times", deletion.count) };
            lines.push(format!("  delete '{}'{times}: {}", deletion.row, deletion.path.join(" -> ")));
        }
        lines.push(format!("  rows then: {}", repair.rows_after.join(", ")));
    }
    lines.push(format!("{} applied, {} to apply", diagnosis.applied.len(), diagnosis.pending.len()));
    lines.join("\n") + "\n"
}

/// `a, b -> c (head) [label] message`
fn headline(history: &History, revision: &Revision) -> String {
    let parents = history.down(&revision.id);
    let parents = if parents.is_empty() { "<base>".to_owned() } else { parents.join(", ") };
    let mut line = format!("{parents} -> {}", revision.id);
    for tag in draw::tags(history, &revision.id) {
        line.push_str(&format!(" ({tag})"));
    }
    let labels: Vec<&str> = history.labels(&revision.id).into_iter().collect();
    if !labels.is_empty() {
        line.push_str(&format!(" [{}]", labels.join(", ")));
    }
    if !revision.message.is_empty() {
        line.push_str(&format!(" {}", revision.message));
    }
    line
}

fn revisions_of<'a>(history: &'a History, ids: &[&str]) -> impl Iterator<Item = &'a Revision> {
    ids.iter().filter_map(|id| history.revision(id)).collect::<Vec<_>>().into_iter()
}
