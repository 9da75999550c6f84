//! One stack file of any text: read and converted, or refused with a place; never a panic, never a hang.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stackfile::{Input, Options, convert, load};

fuzz_target!(|text: &str| {
    let input = Input::stdin(text);
    match load(&[input], &Options::default()) {
        Ok(loaded) => {
            let _ = stackfile::config_yaml(&loaded.stack);
            let _ = convert(&loaded.stack, "stack");
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|diagnostic| diagnostic.place.is_some()), "no place: {diagnostics:?}");
        }
    }
});
