//! SHA-256 in hexadecimal: by which the ledger and the record of hooks know contents. Pure.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The digest of these parts, one after the other.
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let digest = parts.into_iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
