//! What `tidegate check` prints: for people, as JSON, as annotations of GitHub's workflows. SARIF is in `sarif`.

use std::io::{IsTerminal, Write};

use ::check::{Checked, Edit, Finding, Fix, FixState, Fixed, Rule};
use diagnostics::{Diagnostic, Severity, Style};
use serde_json::{Value, json};

use super::{annotation, is_github, line, sarif, style_for, text};
use crate::cli::{Global, OutputFormat};

/// Prints the findings.
pub fn checked(checked: &Checked, global: &Global) {
    match global.output {
        OutputFormat::Text => {
            text(&findings(checked, stdout_style(global)));
            line(&summary(checked));
            annotate_aside(checked);
        }
        OutputFormat::Json => line(&report(checked).to_string()),
        OutputFormat::Github => text(&annotations(checked)),
        OutputFormat::Sarif => line(&format!("{:#}", sarif::log(checked))),
    }
}

/// Prints what was fixed, or would be, and the findings that are left.
pub fn fixed(fixed: &Fixed, dry_run: bool, global: &Global) {
    match global.output {
        OutputFormat::Text if dry_run => {
            // The diff alone on stdout, so that it can be piped on.
            text(&fixed.diff);
            let summary = format!("{} would be fixed, left: {}\n", fixed.applied.len(), summary(&fixed.left));
            let _ = std::io::stderr().write_all(summary.as_bytes());
        }
        OutputFormat::Text => {
            for finding in &fixed.applied {
                line(&format!("{}: {} [{}]", place(finding), description(finding), finding.rule.name));
            }
            text(&findings(&fixed.left, stdout_style(global)));
            line(&format!("{} fixed, left: {}", fixed.applied.len(), summary(&fixed.left)));
            annotate_aside(&fixed.left);
        }
        OutputFormat::Json => {
            let mut report = report(&fixed.left);
            report["fixed"] = fixed.applied.iter().map(finding_json).collect();
            report["diff"] = fixed.diff.as_str().into();
            report["written"] = (!dry_run && !fixed.applied.is_empty()).into();
            line(&report.to_string());
        }
        OutputFormat::Github => text(&annotations(&fixed.left)),
        OutputFormat::Sarif => line(&format!("{:#}", sarif::log(&fixed.left))),
    }
}

/// Prints the rules, one a line.
pub fn list(rules: &[&Rule], global: &Global) {
    if global.output == OutputFormat::Json {
        let rules: Value = rules.iter().map(|rule| rule_json(rule)).collect();
        line(&rules.to_string());
        return;
    }
    let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    for rule in rules {
        line(&format!("{:width$}  {:7}  {}", rule.name, rule.level.as_str(), rule.summary));
    }
}

/// Prints everything about a rule.
pub fn explain(rule: &Rule, global: &Global) {
    if global.output == OutputFormat::Json {
        let mut object = rule_json(rule);
        object["explanation"] = ::check::explain(rule).into();
        line(&object.to_string());
    } else {
        text(&::check::explain(rule));
    }
}

fn rule_json(rule: &Rule) -> Value {
    json!({ "rule": rule.name, "level": rule.level.as_str(), "summary": rule.summary })
}

fn stdout_style(global: &Global) -> Style {
    style_for(global, std::io::stdout().is_terminal())
}

fn findings(checked: &Checked, style: Style) -> String {
    checked.findings.iter().map(|finding| shown(finding).render(style) + "\n\n").collect()
}

/// A finding with its rule's name, and what a machine can do about it.
fn shown(finding: &Finding) -> Diagnostic {
    let mut diagnostic = finding.diagnostic.clone();
    diagnostic.message = format!("{} [{}]", diagnostic.message, finding.rule.name);
    let help = diagnostic.help.unwrap_or_default();
    diagnostic.help = Some(match &finding.fix {
        FixState::Offered(fix) => format!("{help}\n--fix does it: {}", fix.description),
        FixState::Refused(reason) => format!("{help}\nno fix: {reason}"),
    });
    diagnostic
}

fn place(finding: &Finding) -> String {
    let region = &finding.region;
    format!("{}:{}:{}", region.file, region.line, region.column)
}

fn description(finding: &Finding) -> &str {
    match &finding.fix {
        FixState::Offered(fix) => &fix.description,
        FixState::Refused(reason) => reason,
    }
}

/// `1 error, 2 warnings, 3 notes; 2 can be fixed with --fix; 1 ignored by comments`
fn summary(checked: &Checked) -> String {
    let mut parts = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        match count(checked, severity) {
            0 => {}
            1 => parts.push(format!("1 {}", severity.as_str())),
            number => parts.push(format!("{number} {}s", severity.as_str())),
        }
    }
    let mut out = if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") };
    match fixable(checked) {
        0 => {}
        number => out.push_str(&format!("; {number} can be fixed with --fix")),
    }
    if checked.ignored > 0 {
        out.push_str(&format!("; {} ignored by comments", checked.ignored));
    }
    out
}

fn count(checked: &Checked, severity: Severity) -> usize {
    checked.findings.iter().filter(|finding| finding.diagnostic.severity == severity).count()
}

fn fixable(checked: &Checked) -> usize {
    checked.findings.iter().filter(|finding| matches!(finding.fix, FixState::Offered(_))).count()
}

/// Under GitHub's workflows a report for people is also one for the changed lines.
fn annotate_aside(checked: &Checked) {
    if is_github() {
        let _ = std::io::stderr().write_all(annotations(checked).as_bytes());
    }
}

fn annotations(checked: &Checked) -> String {
    let annotated = |finding: &Finding| {
        let mut diagnostic = finding.diagnostic.clone();
        diagnostic.message = format!("{} [{}]", diagnostic.message, finding.rule.name);
        annotation(&diagnostic)
    };
    checked.findings.iter().map(annotated).collect()
}

fn report(checked: &Checked) -> Value {
    json!({
        "findings": checked.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "summary": {
            "error": count(checked, Severity::Error),
            "warning": count(checked, Severity::Warning),
            "note": count(checked, Severity::Note),
            "fixable": fixable(checked),
            "ignored": checked.ignored,
        },
    })
}

fn finding_json(finding: &Finding) -> Value {
    let diagnostic = &finding.diagnostic;
    let related = diagnostic.related.iter().map(|(place, remark)| {
        json!({ "file": place.source().name(), "line": place.line(), "column": place.column(), "message": remark })
    });
    let mut object = json!({
        "rule": finding.rule.name,
        "level": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "label": diagnostic.label,
        "service": finding.service,
        "related": related.collect::<Vec<_>>(),
        "help": diagnostic.help,
    });
    merge(&mut object, &json!(finding.region));
    match &finding.fix {
        FixState::Offered(fix) => object["fix"] = fix_json(fix),
        FixState::Refused(reason) => object["no_fix"] = reason.as_str().into(),
    }
    object
}

fn fix_json(fix: &Fix) -> Value {
    let edit = |edit: &Edit| {
        let mut object = json!(edit.region);
        object["text"] = edit.text.as_str().into();
        object
    };
    json!({ "description": fix.description, "edits": fix.edits.iter().map(edit).collect::<Vec<_>>() })
}

fn merge(object: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
}
