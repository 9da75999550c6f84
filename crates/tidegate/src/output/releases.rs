//! Releases as people read them.

use deploy::{ReleaseDiff, ReleaseInfo};

use super::moment;
use super::plan::change_text;

/// The list, a line each, newest first.
pub fn list(stack: &str, releases: &[ReleaseInfo]) -> String {
    if releases.is_empty() {
        return format!("stack {stack} has no releases of Tidegate's\n");
    }
    releases.iter().rev().map(|release| line(release) + "\n").collect()
}

fn line(release: &ReleaseInfo) -> String {
    let mark = if release.in_force { "*" } else { " " };
    let took = release.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
    let mut text = format!(
        "{mark} {:>4}  {:11}  {}  {:>6}  {}",
        release.number,
        release.state,
        moment(&release.started_at),
        took,
        release.who
    );
    if let Some(rows) = &release.rows {
        text.push_str(&format!("  database at {}", named(rows)));
    }
    if let Some(earlier) = release.returns_to {
        text.push_str(&format!("  (release {earlier} again)"));
    }
    if release.state != "succeeded"
        && let Some(message) = &release.message
    {
        text.push_str(&format!("\n        {message}"));
    }
    text
}

/// One release, with all that is known of it.
pub fn one(release: &ReleaseInfo) -> String {
    let mut lines = vec![
        format!(
            "release {}: {}{}",
            release.number,
            release.state,
            if release.in_force { ", in force" } else { "" }
        ),
        format!("  begun     {} by {}", moment(&release.started_at), release.who),
    ];
    lines.extend(release.seconds.map(|seconds| format!("  took      {seconds} s")));
    lines.extend(release.message.as_ref().map(|message| format!("  outcome   {message}")));
    let commit = release.source.as_ref().and_then(|source| source.commit.as_ref());
    lines.extend(commit.map(|commit| format!("  commit    {commit}")));
    lines.extend(release.returns_to.map(|earlier| format!("  it is     release {earlier} again")));
    lines.extend(release.rows.as_ref().map(|rows| format!("  database  at {}", named(rows))));
    if !release.applied.is_empty() {
        lines.push(format!("  applied   {}", release.applied.join(", ")));
    }
    lines.extend(release.images.iter().map(|(service, image)| format!("  {service}  {image}")));
    lines.push(match &release.no_return {
        None => "  it can be gone back to".to_owned(),
        Some(reason) => format!("  it cannot be gone back to: {reason}"),
    });
    lines.join("\n") + "\n"
}

/// What is different between two releases.
pub fn diff(diff: &ReleaseDiff) -> String {
    let mut lines = vec![format!("release {} -> release {}", diff.from, diff.to)];
    lines.extend(diff.added.iter().map(|name| format!("  + {name}")));
    lines.extend(diff.removed.iter().map(|name| format!("  - {name}")));
    for (name, changes) in &diff.changed {
        lines.push(format!("  ~ {name}"));
        lines.extend(changes.iter().map(|change| format!("      {}", change_text(change))));
    }
    if let Some((before, after)) = &diff.rows {
        lines.push(format!("  database: {} -> {}", named(before), named(after)));
    }
    if lines.len() == 1 {
        lines.push("  no difference".to_owned());
    }
    lines.join("\n") + "\n"
}

fn named(rows: &[String]) -> String {
    if rows.is_empty() { "no revision".to_owned() } else { rows.join(", ") }
}
