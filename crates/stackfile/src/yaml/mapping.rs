//! Putting mappings together: string keys, each one once, and merge keys.

use diagnostics::{Diagnostic, Place};
use indexmap::map;

use super::{Entry, Map, Node, Value};

/// Adds an entry; its key must be a string that is not there yet.
pub(super) fn insert(map: &mut Map, key: Node, value: Node) -> Result<(), Diagnostic> {
    let Value::String(name) = key.value else {
        let shown = key.scalar_text();
        let diagnostic =
            Diagnostic::error("stack-file/key", format!("a key must be a string, this is {}", key.kind()));
        let help =
            shown.map_or("write one name before the colon".into(), |text| format!("quote it: \"{text}\""));
        return Err(diagnostic.at(key.place).help(help));
    };
    match map.entry(name) {
        map::Entry::Occupied(first) => Err(duplicate_key(first.key(), key.place, first.get().key.clone())),
        map::Entry::Vacant(vacant) => {
            vacant.insert(Entry { key: key.place, node: value });
            Ok(())
        }
    }
}

/// The refusal of a key that is there already.
pub(super) fn duplicate_key(name: &str, again: Place, first: Place) -> Diagnostic {
    Diagnostic::error("stack-file/duplicate-key", format!("the key `{name}` is given twice"))
        .at(again)
        .related(first, "first given here")
        .help("keep one of the two")
}

/// Adds what a `<<` brings: keys already there win, and of several mappings the first.
pub(super) fn merge(map: &mut Map, place: &Place, value: Node) -> Result<(), Diagnostic> {
    let wrong = |place: &Place| {
        Diagnostic::error("stack-file/yaml", "`<<` takes a mapping or a list of mappings")
            .at(place.clone())
            .help("give it the alias of a mapping: `<<: *name`")
    };
    let sources = match value.value {
        Value::Map(other) => vec![other],
        Value::List(list) => list
            .into_iter()
            .map(|node| match node.value {
                Value::Map(other) => Ok(other),
                _ => Err(wrong(&node.place)),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong(place)),
    };
    for source in sources {
        for (key, entry) in source {
            map.entry(key).or_insert(entry);
        }
    }
    Ok(())
}
