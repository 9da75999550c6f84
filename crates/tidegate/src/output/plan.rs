//! A plan as people read it.

use deploy::{Action, Change, Foreign, PlanSummary, RecreateSummary, ServiceSummary};

/// How many differences of one service are shown; the rest is counted.
const SHOWN: usize = 8;

/// The plan, some lines long.
pub fn text(plan: &PlanSummary) -> String {
    let mut lines = Vec::new();
    if plan.empty {
        lines.push(format!("stack {} is as the stack files want it", plan.stack));
    } else {
        let how = if plan.resumes { "continues the interrupted release" } else { "release" };
        let again =
            plan.returns_to.map_or_else(String::new, |earlier| format!(", which is release {earlier} again"));
        lines.push(format!("stack {}: {how} {}{again}", plan.stack, plan.release));
    }
    lines.extend(plan.recreate.iter().flat_map(recreate_lines));
    lines.extend(plan.creates.iter().map(|(kind, name)| format!("  + {kind} {name}")));
    for (number, wave) in plan.waves.iter().enumerate() {
        let what = if wave.gate { "gate" } else { "wave" };
        lines.push(format!("  {} {what}", number + 1));
        for service in &wave.services {
            lines.extend(service_lines(service, plan.recreate.is_some()));
        }
    }
    lines.extend(plan.removes.iter().map(|name| format!("  - service {name}")));
    lines.extend(foreign_lines(&plan.foreign).into_iter().map(|line| format!("  ! {line}")));
    if !plan.empty {
        lines.extend(plan.reasons.iter().map(|reason| format!("  because {reason}")));
    }
    lines.extend(plan.undo.iter().map(|line| format!("  undo: {line}")));
    lines.extend(plan.warnings.iter().map(|warning| format!("  warning: {warning}")));
    lines.join("\n") + "\n"
}

fn recreate_lines(recreate: &RecreateSummary) -> Vec<String> {
    let mut lines =
        vec!["  recreate: all of it is removed, and made again when it is really gone".to_owned()];
    lines.extend(recreate.costs.iter().map(|cost| format!("    {cost}")));
    for user in &recreate.in_use {
        lines.push(format!("  ! refused while {user}"));
    }
    for network in &recreate.networks {
        lines.push(format!("  -/+ network {}", network.network));
        lines.extend(network.changes.iter().map(|change| format!("        {change}")));
    }
    lines
}

fn service_lines(service: &ServiceSummary, recreated: bool) -> Vec<String> {
    let name = &service.service;
    match &service.action {
        Action::Create => vec![format!("    + {name}")],
        Action::Unchanged => vec![format!("    = {name}")],
        Action::Run => vec![format!("    > {name}")],
        Action::Skip => vec![format!("    = {name} (crossed already)")],
        Action::Update { changes } | Action::Replace { changes } => {
            let mut lines = vec![match &service.action {
                Action::Replace { .. } if recreated => format!("    -/+ {name}"),
                Action::Replace { .. } => format!("    -/+ {name} (another mode: removed and made again)"),
                _ => format!("    ~ {name}"),
            }];
            lines.extend(changes.iter().take(SHOWN).map(|change| format!("        {}", change_text(change))));
            if changes.len() > SHOWN {
                lines.push(format!("        and {} more", changes.len() - SHOWN));
            }
            lines
        }
    }
}

/// A difference in one line.
pub fn change_text(change: &Change) -> String {
    let Change { path, before, after } = change;
    match (before, after) {
        (Some(before), Some(after)) if before == after => format!("{path}: changed"),
        (Some(before), Some(after)) => format!("{path}: {before} -> {after}"),
        (None, Some(after)) => format!("{path}: {after} (new)"),
        (Some(before), None) => format!("{path}: {before} (gone)"),
        (None, None) => path.clone(),
    }
}

/// Foreign changes, a line each.
pub fn foreign_lines(foreign: &[Foreign]) -> Vec<String> {
    foreign
        .iter()
        .flat_map(|service| {
            service.changes.iter().map(move |change| {
                format!("{}, changed by somebody else: {}", service.service, change_text(change))
            })
        })
        .collect()
}
