//! Every kept input of the fuzz targets (`fuzz/corpora`), through the same code as under libFuzzer: what was once read or refused
//! without a panic and in time still is.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testbed::engine::root;

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

/// Under libFuzzer the slowest takes milliseconds; this build is slow, and the machine may be busy.
const LIMIT: Duration = Duration::from_secs(20);

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries(folder).into_iter().filter_map(stem).collect()
}

#[test]
fn every_kept_input_is_read_or_refused() {
    for (name, body) in bodies::ALL {
        let inputs = entries(&root().join("fuzz/corpora").join(name));
        assert!(inputs.len() >= 20, "{name} has {} inputs", inputs.len());
        for path in inputs {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let begun = Instant::now();
            let ended = catch_unwind(|| body(&bytes));
            assert!(ended.is_ok(), "{} made it panic", path.display());
            assert!(begun.elapsed() < LIMIT, "{} took {:?}", path.display(), begun.elapsed());
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_is_replayed() {
    let known: BTreeSet<String> = bodies::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&root().join("fuzz/fuzz_targets")), known);
    assert_eq!(names(&root().join("fuzz/corpora")), known);
}
