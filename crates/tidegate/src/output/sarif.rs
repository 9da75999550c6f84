//! Findings as SARIF 2.1.0 (OASIS), the form that code scanning services read: rules, places and fixes.

use ::check::{Checked, Edit, Finding, Fix, FixState, Region, Rule};
use diagnostics::Place;
use serde_json::{Value, json};

/// A log with one run.
pub fn log(checked: &Checked) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tidegate",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": ::check::rules().iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": checked.findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.name,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.what },
        "help": { "text": rule.instead, "markdown": ::check::explain(rule) },
        "defaultConfiguration": { "level": rule.level.as_str() },
    })
}

fn result(finding: &Finding) -> Value {
    let diagnostic = &finding.diagnostic;
    let text = match &diagnostic.help {
        Some(help) => format!("{}; {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut result = json!({
        "ruleId": finding.rule.name,
        "ruleIndex": ::check::rules().iter().position(|rule| rule.name == finding.rule.name),
        "level": diagnostic.severity.as_str(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.region.file) },
            "region": region(&finding.region),
        }}],
    });
    if !diagnostic.related.is_empty() {
        let related =
            diagnostic.related.iter().enumerate().map(|(id, (place, remark))| related(id, place, remark));
        result["relatedLocations"] = related.collect();
    }
    if let FixState::Offered(fix) = &finding.fix {
        result["fixes"] = json!([self::fix(fix)]);
    }
    result
}

fn related(id: usize, place: &Place, remark: &str) -> Value {
    json!({
        "id": id,
        "message": { "text": remark },
        "physicalLocation": {
            "artifactLocation": { "uri": uri(place.source().name()) },
            "region": { "startLine": place.line(), "startColumn": place.column() },
        },
    })
}

fn fix(fix: &Fix) -> Value {
    let replacement = |edit: &Edit| json!({ "deletedRegion": region(&edit.region), "insertedContent": { "text": edit.text } });
    json!({
        "description": { "text": fix.description },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(&fix.file) },
            "replacements": fix.edits.iter().map(replacement).collect::<Vec<_>>(),
        }],
    })
}

fn region(region: &Region) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

/// A path as a reference of a URI: relative ones stay relative to where the command ran.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("./a b/stäck.yml"), "a%20b/st%C3%A4ck.yml");
        assert_eq!(uri("/srv/stack.yml"), "file:///srv/stack.yml");
        assert_eq!(uri("<stdin>"), "%3Cstdin%3E");
    }
}
