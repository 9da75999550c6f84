//! What going back to an earlier release means for the database: what the older code does not know, and the gate that takes
//! the database back first, if asked. Pure: which revisions can be undone is known to the gate alone, which has their
//! files.

use serde_json::{Value, json};

use crate::error::Error;
use crate::gate;
use crate::history::in_force;
use crate::live::Live;
use crate::plan::is_gate_run;
use crate::release::Release;
use crate::spec::{self, RELEASE_LABEL};
use crate::target::{DEFAULT_GATE_TIMEOUT, Wanted};

/// How the database goes back.
pub(crate) struct WayBack {
    /// The gate that does it.
    pub(crate) gate: Wanted,
    /// What a person is told.
    pub(crate) announcement: String,
}

/// Variables that each run of a gate gets anew.
const OF_A_RUN: [&str; 8] = [
    "TIDEGATE_RUN=",
    "TIDEGATE_RELEASE=",
    "TIDEGATE_OUTPUT=",
    "TIDEGATE_IMAGE=",
    "TIDEGATE_COMMIT=",
    "TIDEGATE_TARGET=",
    "TIDEGATE_HOOKS=",
    "TIDEGATE_SEVERAL_HEADS=",
];

/// What the database has and the release's code does not know, as a sentence; empty where there is nothing.
pub(crate) fn verdict(live: &Live, release: &Release) -> Vec<String> {
    let Some((then, now)) = rows(live, release) else { return Vec::new() };
    let number = release.intent.number;
    let later = live.releases.iter().filter(|other| other.intent.number > number);
    let applied: Vec<String> = later
        .filter_map(|other| other.outcome.as_ref())
        .flat_map(|outcome| outcome.applied.clone())
        .collect();
    let unknown = match &applied[..] {
        [] => "which revisions that adds is not recorded".to_owned(),
        list => format!("its code does not know {}", list.join(", ")),
    };
    vec![format!(
        "the database stays at {}: release {number} was deployed with it at {}, and {unknown}. Its code must cope with \
         that, or --with-migrations takes the database back first, if every revision on the way can be undone",
        named(&now),
        named(&then)
    )]
}

/// The gate of the release in force, told to go back to the rows of an earlier release. `None` where the rows are the
/// same.
pub(crate) fn way_back(stack: &str, live: &Live, release: &Release) -> Result<Option<WayBack>, Error> {
    let Some((then, now)) = rows(live, release) else { return Ok(None) };
    let number = release.intent.number;
    let refused = |reason: String| Error::NoReturn { stack: stack.to_owned(), number, reasons: vec![reason] };
    let target = match &then[..] {
        [] => "base",
        [row] => row,
        rows => {
            let rows = rows.join(", ");
            return Err(refused(format!(
                "the database was at several revisions ({rows}), and a downgrade goes to one: undo the rest by hand"
            )));
        }
    };
    let newest = in_force(&live.releases).map(|release| release.intent.number.to_string());
    let run = live.services.iter().find(|(_, spec)| {
        is_gate_run(spec) && newest.is_some() && spec::label(spec, RELEASE_LABEL) == newest.as_deref()
    });
    let Some((name, spec)) = run else {
        return Err(refused(
            "the gate of the release in force is gone, which alone knows how to go back".to_owned(),
        ));
    };
    if !gate::reports_rows(spec) {
        return Err(refused(
            "its gate does not run `tidegate migrate`, which alone knows how to go back".to_owned(),
        ));
    }
    let suffix = format!("-r{}", newest.unwrap_or_default());
    let gate = gate_back(stack, name.strip_suffix(&suffix).unwrap_or(name), &live.localise(spec), target);
    let announcement = format!(
        "the gate of the release in force takes the database back from {} to {} first; nothing is undone unless every \
         revision on the way can be",
        named(&now),
        named(&then)
    );
    Ok(Some(WayBack { gate, announcement }))
}

fn gate_back(stack: &str, name: &str, spec: &Value, target: &str) -> Wanted {
    let mut body = spec.clone();
    body["Name"] = json!(name);
    if let Some(labels) = body.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.retain(|label, _| !spec::OWN_LABELS.contains(&label.as_str()));
    }
    if let Some(container) = body.pointer_mut("/TaskTemplate/ContainerSpec") {
        let list = container.get("Env").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut list: Vec<Value> = list
            .into_iter()
            .filter(|entry| {
                !OF_A_RUN.iter().any(|name| entry.as_str().is_some_and(|text| text.starts_with(name)))
            })
            .collect();
        list.push(json!("TIDEGATE_DOWNGRADE=true"));
        list.push(json!(format!("TIDEGATE_TARGET={target}")));
        container["Env"] = Value::Array(list);
    }
    Wanted {
        key: name.strip_prefix(&format!("{stack}_")).unwrap_or(name).to_owned(),
        name: name.to_owned(),
        digest: spec::digest(&body),
        image: spec::image(&body).unwrap_or_default().to_owned(),
        body,
        gate: true,
        timeout: DEFAULT_GATE_TIMEOUT,
        auth: None,
    }
}

/// The rows of the version table after the release, and now; `None` where they are not known, or the same.
fn rows(live: &Live, release: &Release) -> Option<(Vec<String>, Vec<String>)> {
    let of = |release: &Release| release.outcome.as_ref().and_then(|outcome| outcome.rows.clone());
    let later = live.releases.iter().filter(|other| other.intent.number > release.intent.number);
    let (then, now) = (of(release)?, later.rev().find_map(of)?);
    (then != now).then_some((then, now))
}

fn named(rows: &[String]) -> String {
    if rows.is_empty() { "no revision".to_owned() } else { rows.join(", ") }
}
