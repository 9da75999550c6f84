//! What the fuzz targets do with their bytes: one function each, so that libFuzzer and the ordinary test that replays the kept
//! corpora (`crates/tidegate/tests/corpora.rs`) run the same code.
#![allow(dead_code, reason = "each fuzz target calls one of these")]

use std::path::Path;

use deploy::PlanFile;
use engine::{Container, Distribution, Event, FileObject, Health, Info, Network, Node, Service, Task};
use revisions::{History, read_text};
use stackfile::{Input, Options, convert, load};

#[path = "configuration.rs"]
mod configuration;

pub use configuration::configuration;

/// A target's name, which is that of its file in `fuzz_targets` and of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: [Target; 6] = [
    ("reader", reader),
    ("history", history),
    ("stack_file", stack_file),
    ("plan_file", plan_file),
    ("answers", answers),
    ("configuration", configuration),
];

/// One revision file of any bytes: read, or refused with a place; never a panic, never a hang.
pub fn reader(bytes: &[u8]) {
    if let Err(diagnostic) = read_text(Path::new("0123abc.py"), bytes) {
        assert!(diagnostic.place.is_some(), "no place: {diagnostic}");
    }
}

const TARGETS: [&str; 12] =
    ["heads", "head", "base", "r1", "r2@head", "+1", "-1", "r3+2", "r3-2", "l1@heads", "r1@base", "r"];

/// Names of revisions from the bits of a number, as a Python tuple.
fn tuple(bits: u16, number: usize) -> String {
    let names = (0..number).filter(|bit| bits & (1 << bit) != 0).map(|bit| format!("'r{bit}',"));
    names.collect::<Vec<_>>().concat()
}

/// Any graph of up to 12 revisions, any rows, any target: an answer or a refusal; never a panic, never a hang.
pub fn history(bytes: &[u8]) {
    let Some((&count, rest)) = bytes.split_first() else { return };
    let number = usize::from(count % 12) + 1;
    let mut words = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let mut next = || words.next().unwrap_or_default();
    let mut revisions = Vec::new();
    for index in 0..number {
        let (down, depends, label) = (tuple(next(), number), tuple(next(), number), next() % 4);
        let text = format!(
            "revision = 'r{index}'\ndown_revision = ({down})\ndepends_on = ({depends})\nbranch_labels = ({})\n",
            if label == 0 { format!("'l{index}',") } else { String::new() }
        );
        match read_text(Path::new(&format!("{index:02}.py")), text.as_bytes()) {
            Ok(revision) => revisions.push(revision),
            Err(_) => return,
        }
    }
    let Ok(history) = History::new(revisions) else { return };
    let rows = next();
    let rows: Vec<String> =
        (0..=number).filter(|bit| rows & (1 << bit) != 0).map(|bit| format!("r{bit}")).collect();
    let diagnosis = history.diagnose(&rows);
    if let Some(repair) = &diagnosis.repair {
        assert!(history.diagnose(&repair.rows_after).repair.is_none(), "a repair leaves nothing to repair");
    }
    for target in TARGETS {
        let _ = history.resolve(target);
        let _ = history.plan_upgrade(&rows, target);
        let _ = history.plan_downgrade(&rows, target);
    }
}

/// One stack file of any text: read and converted, or refused with a place; never a panic, never a hang.
pub fn stack_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match load(&[Input::stdin(text)], &Options::default()) {
        Ok(loaded) => {
            let _ = stackfile::config_yaml(&loaded.stack);
            let _ = convert(&loaded.stack, "stack");
        }
        Err(diagnostics) => {
            let has_place = diagnostics.iter().any(|diagnostic| diagnostic.place.is_some());
            assert!(has_place, "no place: {diagnostics:?}");
        }
    }
}

/// Any text as a plan file: read, and written as it was read, or refused; never a panic.
pub fn plan_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(file) = PlanFile::read(text) else { return };
    let written = file.text();
    match PlanFile::read(&written) {
        Ok(again) => assert_eq!(again, file),
        Err(error) => panic!("what it writes it does not read: {error}\n{written}"),
    }
}

/// Any bytes as an answer of the Engine API: read and asked what a deploy asks of it, or an error; never a panic. The first byte
/// chooses what was asked for.
pub fn answers(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    match kind % 10 {
        0 => list(text, |service: &Service| {
            let _ =
                (service.name(), service.labels(), service.image(), service.mode(), service.update_state());
        }),
        1 => list(text, |task: &Task| {
            let _ = (task.image(), task.is_wanted(), task.status.state.is_final(), task.networks().count());
        }),
        2 => list(text, |network: &Network| {
            let _ = (network.id(), network.name(), network.scope(), network.driver(), network.labels());
        }),
        3 => list(text, |node: &Node| {
            let _ = (node.hostname(), node.role(), node.labels(), node.engine_labels(), node.takes_tasks());
        }),
        4 => list(text, |object: &FileObject| {
            let _ = (object.name(), object.labels(), object.data(), object.relabelled([("a", "b")]));
        }),
        5 => one::<Info>(text),
        6 => one::<Distribution>(text),
        7 => one::<Container>(text),
        8 => one::<Health>(text),
        _ => one::<Event>(text),
    }
}

fn list<T: serde::de::DeserializeOwned>(text: &[u8], ask: impl Fn(&T)) {
    if let Ok(objects) = serde_json::from_slice::<Vec<T>>(text) {
        objects.iter().for_each(ask);
    }
}

fn one<T: serde::de::DeserializeOwned>(text: &[u8]) {
    let _ = serde_json::from_slice::<T>(text);
}
