//! Any graph of up to 12 revisions, any rows, any target: an answer or a refusal; never a panic, never a hang.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use revisions::{History, read_text};

const TARGETS: [&str; 12] =
    ["heads", "head", "base", "r1", "r2@head", "+1", "-1", "r3+2", "r3-2", "l1@heads", "r1@base", "r"];

/// Names of revisions from the bits of a number, as a Python tuple.
fn tuple(bits: u16, number: usize) -> String {
    (0..number).filter(|bit| bits & (1 << bit) != 0).map(|bit| format!("'r{bit}',")).collect()
}

fuzz_target!(|bytes: &[u8]| {
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
    let rows: Vec<String> = (0..=number).filter(|bit| rows & (1 << bit) != 0).map(|bit| format!("r{bit}")).collect();
    let diagnosis = history.diagnose(&rows);
    if let Some(repair) = &diagnosis.repair {
        assert!(history.diagnose(&repair.rows_after).repair.is_none(), "a repair leaves nothing to repair");
    }
    for target in TARGETS {
        let _ = history.resolve(target);
        let _ = history.plan_upgrade(&rows, target);
        let _ = history.plan_downgrade(&rows, target);
    }
});
