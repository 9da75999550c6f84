//! One revision file of any bytes: read, or refused with a place; never a panic, never a hang.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(diagnostic) = revisions::read_text(Path::new("0123abc.py"), bytes) {
        assert!(diagnostic.place.is_some(), "no place: {diagnostic}");
    }
});
