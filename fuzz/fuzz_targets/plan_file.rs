//! Any text as a plan file: read, and written as it was read, or refused; never a panic.
#![no_main]

use deploy::PlanFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(file) = PlanFile::read(text) else { return };
    let written = file.text();
    match PlanFile::read(&written) {
        Ok(again) => assert_eq!(again, file),
        Err(error) => panic!("what it writes it does not read: {error}\n{written}"),
    }
});
