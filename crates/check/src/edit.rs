//! Changes of a service's `deploy.update_config` in the text of its file. Comments and formatting stay. Refuses
//! where the text is not the service's own, and leaves the proof that it did right to `fix`.

use std::ops::Range;

use diagnostics::Place;
use stackfile::Input;
use stackfile::model::{Service, UpdateConfig};

use crate::blocks::{Block, Form};

/// Keys of an `update_config` and the values that they get.
pub(crate) type Settings = [(&'static str, &'static str)];

/// A part of a text, and what to put there.
pub(crate) type Change = (Range<usize>, String);

/// The changes of one of the files, in the order of its text, or why there are none.
pub(crate) fn update_config(
    inputs: &[Input],
    service: &Service,
    set: &Settings,
) -> Result<(usize, Vec<Change>), String> {
    let source = service.place.source();
    let own = |input: &Input| input.name == source.name() && input.text == source.text();
    let file = inputs
        .iter()
        .position(own)
        .ok_or_else(|| format!("the service is written in {}, which is not given with -c", source.name()))?;
    let block = Block::at(source.text(), &service.place.range())
        .map_err(|why| format!("the service cannot be edited: {why}"))?;
    let mut changes = Vec::new();
    let mut missing = Vec::new();
    for (key, value) in set {
        match service.deploy.update_config.as_ref().and_then(|config| place_of(config, key)) {
            Some(place) => changes.push(replacement(&service.place, &block, place, key, value)?),
            None => missing.push((*key, *value)),
        }
    }
    if !missing.is_empty() {
        changes.push(insertion(source.text(), &block, &missing)?);
    }
    changes.sort_by_key(|(range, _)| range.start);
    Ok((file, changes))
}

/// A text with changes made.
pub(crate) fn apply(text: &str, changes: &[Change]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in changes {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Where the value of a key is.
pub(crate) fn place_of<'a>(config: &'a UpdateConfig, key: &str) -> Option<&'a Place> {
    match key {
        "parallelism" => config.parallelism.as_ref().map(|value| &value.place),
        "failure_action" => config.failure_action.as_ref().map(|value| &value.place),
        "monitor" => config.monitor.as_ref().map(|value| &value.place),
        "order" => config.order.as_ref().map(|value| &value.place),
        _ => None,
    }
}

fn replacement(
    service: &Place,
    block: &Block,
    place: &Place,
    key: &str,
    value: &str,
) -> Result<Change, String> {
    let inside = place.source() == service.source()
        && block.range.contains(&place.range().start)
        && place.range().end <= block.range.end;
    if !inside {
        return Err(format!("`{key}` is written at {place}, outside of the service; change it there"));
    }
    let written = place.source().text().get(place.range()).unwrap_or_default();
    if written.contains(['$', '\n', '&', '*', '|', '>']) {
        return Err(format!("`{key}` is `{written}` at {place}; set it to `{value}` by hand"));
    }
    Ok((place.range(), value.to_owned()))
}

/// The keys that are not there yet, and the mappings around them.
fn insertion(text: &str, service: &Block, missing: &Settings) -> Result<Change, String> {
    let step = service.child_indent.map_or(2, |child| child - service.indent);
    let path = ["deploy", "update_config"];
    let mut block = None;
    let mut depth = 0;
    while depth < path.len() {
        let current = block.as_ref().unwrap_or(service);
        if let Form::Braces(range) = &current.form {
            return in_braces(text, range, &path[depth..], missing);
        }
        let Some(child) = current.child(path[depth]) else { break };
        let next = Block::at(text, &child.key)
            .map_err(|why| format!("`{}` of the service cannot be edited: {why}", path[depth]))?;
        block = Some(next);
        depth += 1;
    }
    let current = block.as_ref().unwrap_or(service);
    if let Form::Braces(range) = &current.form {
        return in_braces(text, range, &path[depth..], missing);
    }
    Ok(in_lines(text, current, step, &path[depth..], missing))
}

/// `, deploy: { update_config: { order: stop-first } }` before the closing brace, or before that of the mapping
/// inside of it that is there already.
fn in_braces(text: &str, braces: &Range<usize>, path: &[&str], missing: &Settings) -> Result<Change, String> {
    let inner = text.get(braces.start + 1..braces.end - 1).unwrap_or_default();
    if let Some((key, rest)) = path.split_first()
        && let Some(value) = value_in_braces(inner, key)
    {
        let value = value.start + braces.start + 1..value.end + braces.start + 1;
        let written = text.get(value.clone()).unwrap_or_default();
        if !(written.starts_with('{') && written.ends_with('}')) {
            return Err(format!(
                "`{key}` of the service cannot be edited: inside of the braces it is `{written}`"
            ));
        }
        return in_braces(text, &value, rest, missing);
    }
    let content = inner.trim_end();
    let at = braces.start + 1 + content.len();
    let separator = if content.is_empty() || content.ends_with(',') { " " } else { ", " };
    let pairs: Vec<String> = missing.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let mut entry = pairs.join(", ");
    for key in path.iter().rev() {
        entry = format!("{key}: {{ {entry} }}");
    }
    let end = if inner.is_empty() { " " } else { "" };
    Ok((at..at, format!("{separator}{entry}{end}")))
}

/// Where the value of a key is in the text between two braces.
fn value_in_braces(inner: &str, key: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for item in items(inner) {
        let shown = item.trim();
        let value = shown.strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix(':'));
        if let Some(value) = value {
            let end = start + item.trim_end().len();
            return Some(end - value.trim_start().len()..end);
        }
        start += item.len() + 1;
    }
    None
}

/// The parts between the commas that are in no quotes and no further brackets.
fn items(inner: &str) -> Vec<&str> {
    let (mut depth, mut quote) = (0_usize, None);
    let split = |c: char| {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            (None, _) => return c == ',' && depth == 0,
        }
        false
    };
    inner.split(split).collect()
}

/// Lines at the end of a block.
fn in_lines(text: &str, block: &Block, step: usize, path: &[&str], missing: &Settings) -> Change {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let at = block.range.end;
    let mut indent = block.child_indent.unwrap_or(block.indent + step);
    let mut out = String::new();
    if !text.get(..at).unwrap_or_default().ends_with('\n') {
        out.push_str(newline);
    }
    for key in path {
        out.push_str(&format!("{}{key}:{newline}", " ".repeat(indent)));
        indent += step;
    }
    for (key, value) in missing {
        out.push_str(&format!("{}{key}: {value}{newline}", " ".repeat(indent)));
    }
    (at..at, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn edited(text: &str) -> Result<String, String> {
        let inputs = testing::inputs(&[text]);
        let stack = testing::load(&inputs).loaded.stack;
        let (_, changes) =
            update_config(&inputs, &stack.services["a"], &[("order", "stop-first"), ("parallelism", "1")])?;
        Ok(apply(text, &changes))
    }

    #[test]
    fn what_is_missing_is_put_in_and_what_is_there_replaced() {
        for (text, wanted) in [
            (
                "services:\n  a:\n    image: x\n\n  b:\n    image: y\n",
                "services:\n  a:\n    image: x\n    deploy:\n      update_config:\n        order: stop-first\n        parallelism: 1\n\n  b:\n    image: y\n",
            ),
            (
                "services:\n    a:\n        deploy: # here\n            replicas: 2\n        image: x",
                "services:\n    a:\n        deploy: # here\n            replicas: 2\n            update_config:\n                order: stop-first\n                parallelism: 1\n        image: x",
            ),
            (
                "services:\n  a:\n    image: x\n    deploy:\n      update_config:\n        order: start-first # why\n",
                "services:\n  a:\n    image: x\n    deploy:\n      update_config:\n        order: stop-first # why\n        parallelism: 1\n",
            ),
            (
                "services:\n  a:\n    image: x\n    deploy: { replicas: 2 }\n",
                "services:\n  a:\n    image: x\n    deploy: { replicas: 2, update_config: { order: stop-first, parallelism: 1 } }\n",
            ),
            (
                "services:\n  a:\n    image: x\n    deploy:\n      update_config: { order: start-first }\n",
                "services:\n  a:\n    image: x\n    deploy:\n      update_config: { order: stop-first, parallelism: 1 }\n",
            ),
            (
                "services:\n  a: { image: \"x,y\", deploy: { replicas: 1, update_config: { delay: 1s } }, init: true }\n",
                "services:\n  a: { image: \"x,y\", deploy: { replicas: 1, update_config: { delay: 1s, order: stop-first, parallelism: 1 } }, init: true }\n",
            ),
            (
                "services:\n  a: { image: x, deploy: {} }\n",
                "services:\n  a: { image: x, deploy: { update_config: { order: stop-first, parallelism: 1 } } }\n",
            ),
            (
                "services:\n  a: { image: x }\n",
                "services:\n  a: { image: x, deploy: { update_config: { order: stop-first, parallelism: 1 } } }\n",
            ),
            (
                "services:\n  a:\n    image: x",
                "services:\n  a:\n    image: x\n    deploy:\n      update_config:\n        order: stop-first\n        parallelism: 1\n",
            ),
            (
                "services:\r\n  a:\r\n    image: x\r\n",
                "services:\r\n  a:\r\n    image: x\r\n    deploy:\r\n      update_config:\r\n        order: stop-first\r\n        parallelism: 1\r\n",
            ),
        ] {
            assert_eq!(edited(text).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn what_is_not_the_services_own_text_is_refused() {
        for (text, reason) in [
            (
                "x-u: &u { order: start-first }\nservices:\n  a:\n    image: x\n    deploy:\n      update_config: *u\n",
                "outside of the service",
            ),
            ("x-d: &d { replicas: 2 }\nservices:\n  a:\n    image: x\n    deploy: *d\n", "alias"),
            ("services: { a: { image: x } }\n", "braces"),
            (
                "services:\n  a:\n    image: x\n    deploy:\n      update_config:\n        order: ${O:-start-first}\n",
                "by hand",
            ),
        ] {
            let refused = edited(text).expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
