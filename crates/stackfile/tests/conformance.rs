//! Every case of the shared oracle: what the official client did with a stack file, and what this crate does.
//!
//! The oracle is not a part of the project; without it these tests say so and pass. The project's own cases are
//! in `cases.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stackfile::{Input, Options, Stack};

/// Cases in which Tidegate deliberately does something else, with the reason.
const DIFFERENT_REQUESTS: &[(&str, &str)] = &[
    (
        "dockercli/003-full-example-override",
        "ports without a published one are kept, the official merge drops all but one",
    ),
    (
        "synthetic/004-merge-ports-udp-tcp",
        "53/tcp and 53/udp are both kept, and ports without a published one too",
    ),
    ("synthetic/005-merge-everything", "a later false, empty or 0 overrides, the official merge ignores it"),
];

/// The same for the output of `stack config`.
const DIFFERENT_CONFIG: &[(&str, &str)] = DIFFERENT_REQUESTS;

/// Cases that the official client refuses and Tidegate accepts, with the newer form that is in them.
const ACCEPTED: &[(&str, &str)] = &[
    ("dockercli/008-contrib-otel", "top-level name"),
    ("real/017-frappe-docker-pwd", "depends_on with conditions"),
    ("synthetic/035-reject-reservation-cpus-number", "cpus as a number"),
    ("synthetic/037-reject-port-long-string", "published as a string"),
    ("synthetic/052-reject-name-top-level", "top-level name"),
    ("synthetic/053-reject-depends-on-map", "depends_on with conditions"),
    ("synthetic/059-reject-secret-content", "config content"),
];

struct Case {
    folder: PathBuf,
    id: String,
    meta: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/stackfile");
        let Ok(root) = root.canonicalize() else {
            eprintln!("skipped: {} is not there", root.display());
            return Vec::new();
        };
        let mut cases = Vec::new();
        for group in ["real", "dockercli", "synthetic"] {
            let Ok(entries) = std::fs::read_dir(root.join(group)) else { continue };
            for entry in entries.flatten() {
                let folder = entry.path();
                let Some(meta) = json(&folder.join("case.json")) else { continue };
                cases.push(Self {
                    id: format!("{group}/{}", entry.file_name().to_string_lossy()),
                    folder,
                    meta,
                });
            }
        }
        cases.sort_by(|a, b| a.id.cmp(&b.id));
        cases
    }

    fn options(&self) -> Options {
        let mut environment: BTreeMap<String, String> = BTreeMap::from([
            ("HOME".into(), "/__HOME__".into()),
            ("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
            ("PWD".into(), self.folder.display().to_string()),
        ]);
        for (key, value) in self.meta["env"].as_object().into_iter().flatten() {
            environment.insert(key.clone(), value.as_str().unwrap_or_default().into());
        }
        Options { environment, working_dir: self.folder.clone(), profiles: Vec::new() }
    }

    fn load(&self) -> Result<Stack, Vec<diagnostics::Diagnostic>> {
        let files = self.meta["files"].as_array().cloned().unwrap_or_default();
        let mut inputs = Vec::new();
        for file in files.iter().filter_map(Value::as_str) {
            let mut input = Input::read(&self.folder.join(file)).map_err(|error| vec![error])?;
            input.name = file.into();
            inputs.push(input);
        }
        stackfile::load(&inputs, &self.options()).map(|loaded| loaded.stack)
    }

    fn requests(&self) -> Result<Value, Vec<diagnostics::Diagnostic>> {
        let stack = self.load()?;
        let desired = stackfile::convert(&stack, self.meta["stack"].as_str().unwrap_or_default())?;
        let text = stackfile::requests(&desired).to_string();
        Ok(serde_json::from_str(&self.normalise(&text)).expect("replacing a path keeps JSON valid"))
    }

    /// The oracle's names for this case's folder and the ones above it.
    fn normalise(&self, text: &str) -> String {
        let mut text = text.replace(&*self.folder.to_string_lossy(), "/__DIR__");
        for (up, parent) in self.folder.ancestors().skip(1).take(3).enumerate() {
            text = text.replace(&*parent.to_string_lossy(), &format!("/__PARENT{}__", up + 1));
        }
        text
    }

    fn refused(&self) -> bool {
        self.meta["rejected"] == true
    }
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn reason<'a>(list: &[(&str, &'a str)], id: &str) -> Option<&'a str> {
    list.iter().find(|(name, _)| *name == id).map(|(_, reason)| *reason)
}

/// Requests by kind and name, with the lists whose order means nothing sorted.
fn by_name(requests: &Value) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for request in requests.as_array().into_iter().flatten() {
        let mut body = request["body"].clone();
        let container = "/TaskTemplate/ContainerSpec";
        let lists =
            ["/EndpointSpec/Ports".into(), format!("{container}/Configs"), format!("{container}/Secrets")];
        for list in &lists {
            if let Some(list) = body.pointer_mut(list).and_then(Value::as_array_mut) {
                list.sort_by_key(|item| {
                    let mut item = item.clone();
                    item.sort_all_objects();
                    item.to_string()
                });
            }
        }
        let key = format!("{} {}", request["kind"], request["name"]);
        let rest = (&request["method"], &request["path"], &request["query"]);
        out.insert(key, serde_json::json!({"rest": rest, "body": body}));
    }
    out
}

fn difference(path: &str, wanted: &Value, got: &Value, out: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let missing = Value::from("(absent)");
                let (a, b) = (a.get(key).unwrap_or(&missing), b.get(key).unwrap_or(&missing));
                difference(&format!("{path}.{key}"), a, b, out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                difference(&format!("{path}[{index}]"), a, b, out);
            }
        }
        _ if wanted == got => {}
        _ => out.push(format!("{path}: wanted {wanted}, got {got}")),
    }
}

#[test]
fn accepted_files_give_the_same_requests() {
    let mut failures = Vec::new();
    let (mut same, mut listed) = (0, 0);
    for case in Case::all().into_iter().filter(|case| !case.refused()) {
        let mut differences = Vec::new();
        match case.requests() {
            Err(errors) => differences.extend(errors.iter().map(|error| format!("refused: {error}"))),
            Ok(got) => {
                let wanted = json(&case.folder.join("requests.json")).unwrap_or_default();
                let (wanted, got) = (by_name(&wanted["requests"]), by_name(&got));
                let object = |map: BTreeMap<String, Value>| Value::Object(map.into_iter().collect());
                difference("", &object(wanted), &object(got), &mut differences);
            }
        }
        match (differences.is_empty(), reason(DIFFERENT_REQUESTS, &case.id)) {
            (true, None) => same += 1,
            (false, Some(_)) => listed += 1,
            (true, Some(reason)) => {
                failures.push(format!("{}: listed ({reason}), and yet the same", case.id));
            }
            (false, None) => failures.push(format!("{}:\n    {}", case.id, differences.join("\n    "))),
        }
    }
    eprintln!("requests: {same} cases are the same, {listed} differ for a listed reason");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_resolved_file_is_printed_the_same() {
    let mut failures = Vec::new();
    let (mut same, mut listed) = (0, 0);
    for case in Case::all() {
        let Ok(wanted) = std::fs::read_to_string(case.folder.join("config.yml")) else { continue };
        let got = match case.load() {
            Ok(stack) => case.normalise(&stackfile::config_yaml(&stack)),
            Err(errors) => format!("refused: {}", errors[0]),
        };
        match (got == wanted, reason(DIFFERENT_CONFIG, &case.id)) {
            (true, None) => same += 1,
            (false, Some(_)) => listed += 1,
            (true, Some(reason)) => {
                failures.push(format!("{}: listed ({reason}), and yet the same", case.id));
            }
            (false, None) => failures.push(format!("{}:\n{}", case.id, line_difference(&wanted, &got))),
        }
    }
    eprintln!("stack config: {same} cases are the same, {listed} differ for a listed reason");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}

/// The first lines that differ.
fn line_difference(wanted: &str, got: &str) -> String {
    let lines = wanted.lines().zip(got.lines()).enumerate();
    let first = lines.filter(|(_, (a, b))| a != b).take(3);
    let shown: Vec<String> =
        first.map(|(at, (a, b))| format!("    line {}: wanted {a:?}, got {b:?}", at + 1)).collect();
    format!("{}\n    {} lines wanted, {} got", shown.join("\n"), wanted.lines().count(), got.lines().count())
}

#[test]
fn refused_files_are_refused() {
    let mut failures = Vec::new();
    let (mut refused, mut listed) = (0, 0);
    for case in Case::all().into_iter().filter(Case::refused) {
        match (case.requests(), reason(ACCEPTED, &case.id)) {
            (Err(errors), None) => {
                refused += 1;
                for error in errors.iter().filter(|error| error.help.is_none()) {
                    failures.push(format!("{}: no help: {error}", case.id));
                }
            }
            (Ok(_), Some(_)) => listed += 1,
            (Ok(_), None) => failures.push(format!("{}: accepted", case.id)),
            (Err(errors), Some(reason)) => {
                failures.push(format!("{}: listed ({reason}), and yet refused: {}", case.id, errors[0]));
            }
        }
    }
    eprintln!("refusals: {refused} cases are refused, {listed} are accepted as newer forms");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}
