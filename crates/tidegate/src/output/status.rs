//! A stack's status as people read it.

use deploy::Status;

use super::moment;

/// The status, a line for the release and one for each service.
pub fn text(status: &Status) -> String {
    let mut lines = vec![match (&status.release, status.running) {
        (None, _) => format!("stack {}: no release of Tidegate's", status.stack),
        (Some(last), Some(running)) if last.number == running => {
            let since = moment(&last.started_at);
            format!("stack {}: release {running}, since {since}, by {}", status.stack, last.who)
        }
        (Some(last), running) => {
            let running = running.map_or("no release".to_owned(), |running| format!("release {running}"));
            format!("stack {}: {running}; release {} is {}", status.stack, last.number, last.state)
        }
    }];
    if let Some(rows) = status.release.as_ref().and_then(|release| release.rows.as_ref()) {
        lines.push(format!(
            "  database at {}",
            if rows.is_empty() { "no revision".to_owned() } else { rows.join(", ") }
        ));
    }
    let width = status.services.iter().map(|service| service.name.len()).max().unwrap_or(0);
    for service in &status.services {
        let tasks =
            if service.gate { "gate".to_owned() } else { format!("{}/{}", service.running, service.wanted) };
        let drifted = if service.drifted { "  (changed by somebody else)" } else { "" };
        let release = service.release.map_or("-".to_owned(), |number| format!("r{number}"));
        lines.push(format!(
            "  {:width$}  {:11}  {tasks:5}  {release:4}  {}{drifted}",
            service.name, service.state, service.image
        ));
    }
    lines.push(if status.converged { "converged".to_owned() } else { "not converged".to_owned() });
    lines.join("\n") + "\n"
}
