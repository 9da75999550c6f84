//! The text of a new file: the project's `script.py.mako`, if it holds only what Alembic's own templates hold, or
//! else a plain file with the same declarations.

use super::MergeRequest;

/// Renders a template; nothing when it holds an expression or a control line that only Mako understands.
pub(super) fn render(template: &str, request: &MergeRequest<'_>) -> Option<String> {
    let control = |line: &str| {
        let line = line.trim_start();
        line.starts_with('%') || line.starts_with("##") || line.starts_with("<%")
    };
    if template.lines().any(control) || template.contains("<%") {
        return None;
    }
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let (expression, after) = after.split_once('}')?;
        text.push_str(&value(expression, request)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// The expressions of Alembic's templates, for a merge: no imports, no operations, no labels, no dependencies.
fn value(expression: &str, request: &MergeRequest<'_>) -> Option<String> {
    let without_spaces: String = expression.chars().filter(|c| !c.is_whitespace()).collect();
    Some(match without_spaces.as_str() {
        "message" => docstring(request.message),
        "up_revision" => request.id.to_owned(),
        "down_revision|comma,n" | "down_revision|comma" => request.heads.join(", "),
        "create_date" => date(request),
        "repr(up_revision)" => quoted(request.id),
        "repr(down_revision)" => parents(request),
        "repr(branch_labels)" | "repr(depends_on)" => "None".to_owned(),
        "importsifimportselse\"\"" | "importsifimportselse''" => String::new(),
        "upgradesifupgradeselse\"pass\""
        | "downgradesifdowngradeselse\"pass\""
        | "upgradesifupgradeselse'pass'"
        | "downgradesifdowngradeselse'pass'" => "pass".to_owned(),
        _ => return None,
    })
}

/// A file without a template.
pub(super) fn plain(request: &MergeRequest<'_>) -> String {
    format!(
        "\"\"\"{message}\n\nRevision ID: {id}\nRevises: {heads}\nCreate Date: {date}\n\n\"\"\"\n\nrevision = \
         {revision}\ndown_revision = {parents}\nbranch_labels = None\ndepends_on = None\n\n\ndef upgrade() -> \
         None:\n    pass\n\n\ndef downgrade() -> None:\n    pass\n",
        message = docstring(request.message),
        id = request.id,
        heads = request.heads.join(", "),
        date = date(request),
        revision = quoted(request.id),
        parents = parents(request),
    )
}

/// A message inside a docstring. Alembic writes it as it is, and so breaks the file with some.
fn docstring(message: &str) -> String {
    let message = if message.trim().is_empty() { "empty message" } else { message };
    message.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"")
}

fn parents(request: &MergeRequest<'_>) -> String {
    let quoted: Vec<String> = request.heads.iter().map(|head| quoted(head)).collect();
    format!("({})", quoted.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

/// As Python prints a date and time.
fn date(request: &MergeRequest<'_>) -> String {
    let created = request.created;
    let fraction =
        if created.subsec_nanosecond() < 1000 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
    created.strftime(fraction).to_string()
}
