//! What a rehearsal found, as people and machines read it.

use rehearse::{Basis, DatabasePart, LockHeld, Report};
use serde_json::{Value, json};

/// How many locks people see.
const LOCKS_SHOWN: usize = 10;

/// As a JSON line; `code` is what the deploy would exit with.
pub fn json(report: &Report, code: u8) -> Value {
    let mut value = json!({ "event": "rehearsal", "code": code });
    if let (Some(object), Ok(Value::Object(fields))) = (value.as_object_mut(), serde_json::to_value(report)) {
        object.extend(fields);
    }
    value
}

/// In words.
pub fn text(report: &Report, code: u8) -> String {
    let verdict = match code {
        0 => "the deploy would succeed".to_owned(),
        code => format!("the deploy would end with exit code {code}"),
    };
    let mut lines = vec![format!("\nRehearsal: {verdict}. Nothing live was written.")];
    lines.push(format!(
        "  time      {:.1} s in the simulation: what monitor periods and the order take, without pulls and slow starts",
        report.simulated_seconds
    ));
    match &report.database {
        Some(part) => lines.extend(database(part)),
        None => lines.push("  database  no gate had to run".to_owned()),
    }
    lines.extend(report.assumed.iter().map(|what| format!("  assumed   {what}")));
    lines.join("\n") + "\n"
}

fn database(part: &DatabasePart) -> Vec<String> {
    let basis = match &part.basis {
        Basis::LiveSchema => "a copy of the live schema, without its data".to_owned(),
        Basis::Rebuilt { release, rows } => format!(
            "what the revision files make up to {}, where release {release} left it",
            if rows.is_empty() { "no revision".to_owned() } else { rows.join(", ") }
        ),
        Basis::Empty => "an empty database".to_owned(),
    };
    let mut lines = Vec::new();
    match &part.only_read_because {
        None => lines.push(format!("  database  the gate ran on {basis}: {:.2} s", part.seconds)),
        Some(why) => {
            lines.push(format!("  database  only the revision files were read, from {basis}: {why}"));
        }
    }
    lines.extend(part.not_copied.iter().map(|what| format!("  not copied {what}")));
    if !part.ran {
        return lines;
    }
    if part.locks.is_empty() {
        lines.push("  locks     none in anybody's way on tables that were there before".to_owned());
    }
    lines.extend(part.locks.iter().take(LOCKS_SHOWN).map(lock));
    let more = part.locks.len().saturating_sub(LOCKS_SHOWN);
    if more > 0 {
        lines.push(format!("  locks     and {more} more, held for less"));
    }
    lines
}

fn lock(lock: &LockHeld) -> String {
    let mut text = format!("  locks     {} on {} for {:.3} s", lock.mode, lock.relation, lock.seconds);
    if let Some(revision) = &lock.revision {
        text.push_str(&format!(", from {revision} on"));
    }
    if let (Some(rows), Some(bytes)) = (lock.live_rows, lock.live_bytes) {
        text.push_str(&format!("; live it has about {rows} rows in {}", size(bytes)));
    }
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} kB", bytes.div_ceil(1024)),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use rehearse::{Basis, DatabasePart, LockHeld, Report};

    use super::{json, text};

    fn report(database: Option<DatabasePart>) -> Report {
        let assumed = vec!["every container starts".to_owned()];
        Report { live_engine: true, database, simulated_seconds: 12.3, assumed }
    }

    fn part() -> DatabasePart {
        let held = |relation: &str, seconds| LockHeld {
            relation: relation.to_owned(),
            mode: "AccessExclusiveLock".to_owned(),
            revision: Some("a1".to_owned()),
            seconds,
            live_rows: Some(1_200_000),
            live_bytes: Some(356_515_840),
        };
        DatabasePart {
            basis: Basis::Rebuilt { release: 3, rows: vec!["f0".to_owned()] },
            ran: true,
            only_read_because: None,
            not_copied: vec!["extension \"x\" is not available".to_owned()],
            seconds: 1.5,
            locks: vec![held("parcel", 0.21), held("zone", 0.004)],
        }
    }

    #[test]
    fn a_rehearsal_in_words() {
        insta::assert_snapshot!("words", text(&report(Some(part())), 0));
        let read = DatabasePart {
            ran: false,
            only_read_because: Some("no server".to_owned()),
            locks: vec![],
            ..part()
        };
        insta::assert_snapshot!("only_read", text(&report(Some(read)), 6));
        insta::assert_snapshot!("no_gate", text(&report(None), 10));
    }

    #[test]
    fn a_rehearsal_for_machines() {
        insta::assert_json_snapshot!("json", json(&report(Some(part())), 0));
    }
}
