//! Variables in values: `${NAME}` and its relatives, and the types that fields get after it (docker/cli,
//! `interpolation/interpolation.go` and `loader/interpolate.go`). Keys are never touched.

mod template;

use std::collections::BTreeMap;

use diagnostics::{Diagnostic, Place};

use crate::notation::number;
use crate::path::Path;
use crate::report::Report;
use crate::yaml::{Node, Value};
use template::Problem;
pub(crate) use template::substitute;

/// Replaces the variables of every string of a file.
pub(crate) fn interpolate(root: &mut Node, environment: &BTreeMap<String, String>, report: &mut Report) {
    Interpolation { environment, report }.walk(root, &Path::ROOT);
}

struct Interpolation<'a> {
    environment: &'a BTreeMap<String, String>,
    report: &'a mut Report,
}

impl Interpolation<'_> {
    fn walk(&mut self, node: &mut Node, path: &Path<'_>) {
        match &mut node.value {
            Value::String(text) if text.contains('$') => {
                let text = std::mem::take(text);
                node.value = self.string(text, &node.place, path);
            }
            Value::List(list) => {
                for (index, item) in list.iter_mut().enumerate() {
                    self.walk(item, &path.item(index));
                }
            }
            Value::Map(map) => {
                for (key, entry) in map.iter_mut() {
                    self.walk(&mut entry.node, &path.key(key));
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, text: String, place: &Place, path: &Path<'_>) -> Value {
        let mut unset = Vec::new();
        let replaced = substitute(&text, |name| self.environment.get(name).map(String::as_str), &mut unset);
        let replaced = match replaced {
            Ok(replaced) => replaced,
            Err(problem) => {
                self.report.error(describe(&problem, place));
                return Value::String(text);
            }
        };
        for name in unset {
            let at = locate(place, &format!("${name}")).or_else(|| locate(place, &format!("${{{name}}}")));
            self.report.warn(
                Diagnostic::warning("stack-file/unset-variable", format!("the variable `{name}` is not set"))
                    .at(at.unwrap_or_else(|| place.clone()))
                    .label("becomes an empty string")
                    .help(format!("set {name}, or give a default: ${{{name}:-default}}")),
            );
        }
        if replaced == text {
            return Value::String(text);
        }
        match cast(path, &replaced) {
            Ok(value) => value,
            Err(message) => {
                self.report.error(
                    Diagnostic::error("stack-file/interpolation", format!("`{path}`: {message}"))
                        .at(place.clone())
                        .label("this is its value after the variables are replaced")
                        .help(format!("set the variable to what `{}` takes", path.last())),
                );
                Value::String(replaced)
            }
        }
    }
}

fn describe(problem: &Problem, place: &Place) -> Diagnostic {
    let at = |part: &str| locate(place, part).unwrap_or_else(|| place.clone());
    let error = |message: String| Diagnostic::error("stack-file/interpolation", message);
    match problem {
        Problem::Invalid { part } => error(format!("`{part}` is no variable that a stack file knows"))
            .at(at(part))
            .help("write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`; write `$$` for a dollar sign"),
        Problem::Missing { name, message, part } => {
            let reason = if message.is_empty() { String::new() } else { format!(": {message}") };
            error(format!("the variable `{name}` must be set{reason}"))
                .at(at(part))
                .help(format!("run with {name}=value in the environment"))
        }
    }
}

/// The part of a value's source text that says `part`.
fn locate(place: &Place, part: &str) -> Option<Place> {
    let start = place.range().start;
    let found = start + place.source().text().get(start..)?.find(part)?;
    Some(place.source().place(found..found + part.len()))
}

#[derive(Clone, Copy)]
enum Cast {
    Int,
    Float,
    Bool,
}

/// The fields that take another type than string, as in the official client's table. What is not here stays a
/// string, and the schema refuses it where a number is wanted.
const CASTS: &[(&[&str], Cast)] = &[
    (&["services", "*", "configs", "[]", "mode"], Cast::Int),
    (&["services", "*", "secrets", "[]", "mode"], Cast::Int),
    (&["services", "*", "healthcheck", "retries"], Cast::Int),
    (&["services", "*", "healthcheck", "disable"], Cast::Bool),
    (&["services", "*", "deploy", "replicas"], Cast::Int),
    (&["services", "*", "deploy", "update_config", "parallelism"], Cast::Int),
    (&["services", "*", "deploy", "update_config", "max_failure_ratio"], Cast::Float),
    (&["services", "*", "deploy", "rollback_config", "parallelism"], Cast::Int),
    (&["services", "*", "deploy", "rollback_config", "max_failure_ratio"], Cast::Float),
    (&["services", "*", "deploy", "restart_policy", "max_attempts"], Cast::Int),
    (&["services", "*", "deploy", "placement", "max_replicas_per_node"], Cast::Int),
    (&["services", "*", "ports", "[]", "target"], Cast::Int),
    (&["services", "*", "ports", "[]", "published"], Cast::Int),
    (&["services", "*", "ulimits", "*"], Cast::Int),
    (&["services", "*", "ulimits", "*", "hard"], Cast::Int),
    (&["services", "*", "ulimits", "*", "soft"], Cast::Int),
    (&["services", "*", "privileged"], Cast::Bool),
    (&["services", "*", "oom_score_adj"], Cast::Int),
    (&["services", "*", "read_only"], Cast::Bool),
    (&["services", "*", "stdin_open"], Cast::Bool),
    (&["services", "*", "tty"], Cast::Bool),
    (&["services", "*", "volumes", "[]", "read_only"], Cast::Bool),
    (&["services", "*", "volumes", "[]", "volume", "nocopy"], Cast::Bool),
    (&["networks", "*", "external"], Cast::Bool),
    (&["networks", "*", "internal"], Cast::Bool),
    (&["networks", "*", "attachable"], Cast::Bool),
    (&["volumes", "*", "external"], Cast::Bool),
    (&["secrets", "*", "external"], Cast::Bool),
    (&["configs", "*", "external"], Cast::Bool),
];

fn cast(path: &Path<'_>, text: &str) -> Result<Value, String> {
    match CASTS.iter().find(|(pattern, _)| path.matches(pattern)) {
        None => Ok(Value::String(text.into())),
        Some((_, Cast::Int)) => number::int(text).map(Value::Int),
        Some((_, Cast::Float)) => number::float(text).map(Value::Float),
        Some((_, Cast::Bool)) => number::boolean(text).map(Value::Bool),
    }
}
