//! What the revision files alone say of a gate: which revisions it would apply from the rows that are known, and which rows it
//! would leave. Runs nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use database::{Environment, SeveralHeads};
use revisions::{Config, ConfigOptions, find_config};
use serde_json::{Value, json};

/// Variables that Alembic's configuration depends on.
const CONFIG_VARIABLES: [&str; 3] = ["ALEMBIC_CONFIG", "PYTHONPATH", "VIRTUAL_ENV"];

/// The configuration that the gate's command would use in this folder.
pub(crate) fn config(
    project: &Path,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
) -> Result<Config, String> {
    let named = option(arguments, "--config", "-c").or_else(|| environment.get("TIDEGATE_CONFIG").cloned());
    let files = named.iter().flat_map(|list| list.split(',')).map(PathBuf::from).collect();
    let own = |name: &&str| std::env::var(name).ok().map(|value| ((*name).to_owned(), value));
    let options = ConfigOptions {
        files,
        section: option(arguments, "--name", "-n"),
        directory: project.to_owned(),
        environment: CONFIG_VARIABLES.iter().filter_map(own).collect(),
    };
    find_config(&options).map_err(|diagnostic| diagnostic.message)
}

/// The lines that the gate's command would write, and its exit code.
pub(crate) fn lines(
    config: &Config,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    rows: &[String],
) -> (i64, Vec<String>) {
    match steps(config, arguments, environment, rows) {
        Ok(done) => {
            let applied: Vec<&str> = done.iter().map(|(revision, _, _)| revision.as_str()).collect();
            let after = done.last().map_or(rows, |(_, _, after)| after);
            let mut lines: Vec<String> =
                done.iter().map(|(revision, words, _)| applies(revision, words)).collect();
            let outcome = if applied.is_empty() { "current" } else { "migrated" };
            lines.push(
                json!({
                    "event": "report", "message": "predicted from the revision files",
                    "run": environment.get("TIDEGATE_RUN"), "outcome": outcome,
                    "rows": after, "heads": after, "applied": applied,
                })
                .to_string(),
            );
            (0, lines)
        }
        Err(message) => {
            let report = json!({
                "event": "report", "message": message, "run": environment.get("TIDEGATE_RUN"),
                "outcome": "failed", "rows": rows, "error": { "message": message, "hint": Value::Null },
            });
            (1, vec![report.to_string()])
        }
    }
}

fn applies(revision: &str, words: &str) -> String {
    let message = format!("{revision} would be applied: {words}");
    json!({ "event": "revision", "revision": revision, "state": "applied", "message": message }).to_string()
}

/// The revisions to apply: id, description, and the rows after each.
fn steps(
    config: &Config,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    rows: &[String],
) -> Result<Vec<(String, String, Vec<String>)>, String> {
    let history = revisions::read(config).map_err(|errors| {
        errors
            .first()
            .map_or_else(|| "the revision files cannot be read".to_owned(), |error| error.message.clone())
    })?;
    let setting = |long: &str, variable: &str| {
        option(arguments, long, long).or_else(|| environment.get(variable).cloned())
    };
    let target = setting("--target", "TIDEGATE_TARGET");
    let strict = match setting("--environment", "TIDEGATE_ENVIRONMENT").as_deref() {
        Some("staging") => Environment::Staging,
        Some("development") => Environment::Development,
        _ => Environment::Production,
    };
    let policy = match setting("--several-heads", "TIDEGATE_SEVERAL_HEADS").as_deref() {
        Some("all") => SeveralHeads::All,
        Some("refuse") => SeveralHeads::Refuse,
        _ if target.is_some() => SeveralHeads::All,
        _ => SeveralHeads::usual(strict),
    };
    let heads = history.real_heads();
    if policy == SeveralHeads::Refuse && target.as_deref().unwrap_or("heads") == "heads" && heads.len() > 1 {
        return Err(format!("the revision files have {} heads: {}", heads.len(), heads.join(", ")));
    }
    let plan = history
        .plan_upgrade(rows, target.as_deref().unwrap_or("heads"))
        .map_err(|error| error.to_string())?;
    Ok(plan
        .steps
        .into_iter()
        .map(|step| {
            let words = history.revision(&step.revision).map(|revision| revision.message.clone());
            (step.revision, words.unwrap_or_default(), step.rows_after)
        })
        .collect())
}

/// The value of an option among arguments: `--target X` or `--target=X`.
fn option(arguments: &[String], long: &str, short: &str) -> Option<String> {
    let at = arguments.iter().position(|word| word == long || word == short);
    let beside = at.and_then(|at| arguments.get(at + 1).cloned());
    let joined =
        || arguments.iter().find_map(|word| word.strip_prefix(&format!("{long}=")).map(str::to_owned));
    beside.or_else(joined)
}

#[cfg(test)]
mod tests {
    use super::option;

    #[test]
    fn an_option_is_found_in_both_its_forms() {
        let words = ["migrate", "--target", "a", "--environment=staging"].map(str::to_owned);
        assert_eq!(option(&words, "--target", "--target").as_deref(), Some("a"));
        assert_eq!(option(&words, "--environment", "--environment").as_deref(), Some("staging"));
        assert_eq!(option(&words, "--config", "-c"), None);
    }
}
