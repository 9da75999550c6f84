//! Any bytes as an answer of the Engine API: read and asked what a deploy asks of it, or an error; never a panic. The first byte
//! chooses what was asked for.
#![no_main]

use engine::{Container, Distribution, Event, FileObject, Health, Info, Network, Node, Service, Task};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, text)) = bytes.split_first() else { return };
    match kind % 10 {
        0 => list(text, |service: &Service| {
            let _ = (service.name(), service.labels(), service.image(), service.mode(), service.update_state());
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
});

fn list<T: serde::de::DeserializeOwned>(text: &[u8], ask: impl Fn(&T)) {
    if let Ok(objects) = serde_json::from_slice::<Vec<T>>(text) {
        objects.iter().for_each(ask);
    }
}

fn one<T: serde::de::DeserializeOwned>(text: &[u8]) {
    let _ = serde_json::from_slice::<T>(text);
}
