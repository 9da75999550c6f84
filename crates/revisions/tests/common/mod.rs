//! What the tests share: the oracle's shapes, and revision files made from them.

#![allow(dead_code, unreachable_pub)]

pub mod compare;
pub mod python;

use std::path::{Path, PathBuf};

use revisions::{History, Revision};
use serde_json::Value;

/// One revision of the oracle: a name or a list of names in each declaration, or nothing.
#[derive(Clone, Debug)]
pub struct Entry {
    pub file: String,
    pub revision: String,
    pub down_revision: Vec<String>,
    pub depends_on: Vec<String>,
    pub branch_labels: Vec<String>,
}

impl Entry {
    pub fn new(revision: &str, down_revision: &[&str], depends_on: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            file: format!("{revision}.py"),
            revision: revision.to_owned(),
            down_revision: owned(down_revision),
            depends_on: owned(depends_on),
            branch_labels: Vec::new(),
        }
    }

    /// From the oracle's JSON; the trees call two of the keys differently.
    pub fn from_json(json: &Value) -> Self {
        let any = |keys: [&str; 2]| keys.iter().find_map(|key| json.get(key)).map(names).unwrap_or_default();
        Self {
            file: json["file"].as_str().unwrap().to_owned(),
            revision: json["revision"].as_str().unwrap().to_owned(),
            down_revision: names(&json["down_revision"]),
            depends_on: any(["depends_on", "depends_on_declared"]),
            branch_labels: any(["branch_labels_declared", "branch_labels"]),
        }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        format!(
            "\"\"\"{id}\"\"\"\n\nrevision = {id:?}\ndown_revision = {down}\nbranch_labels = {labels}\n\
             depends_on = {depends}\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n",
            id = self.revision,
            down = literal(&self.down_revision),
            labels = literal(&self.branch_labels),
            depends = literal(&self.depends_on),
        )
    }

    pub fn read(&self) -> Revision {
        revisions::read_text(Path::new(&self.file), self.text().as_bytes()).unwrap()
    }
}

fn names(json: &Value) -> Vec<String> {
    match json {
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn literal(names: &[String]) -> String {
    match names {
        [] => "None".to_owned(),
        [only] => format!("{only:?}"),
        several => {
            format!("({})", several.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The history of entries, in their order.
pub fn history(entries: &[Entry]) -> Result<History, Vec<diagnostics::Diagnostic>> {
    History::new(entries.iter().map(Entry::read).collect())
}

pub fn strings(json: &Value) -> Vec<String> {
    json.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

pub fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The oracle's folder, when the project was checked out beside it.
pub fn oracle() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/alembic");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not here, so only the project's own cases were compared", folder.display());
    None
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
