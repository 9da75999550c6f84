//! Reading files with a bound, so that a wrong path (a device, a huge dump) is an error and not a hang.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No stack file or `env_file` is larger than this many bytes.
pub(crate) const TEXT_LIMIT: usize = 16 * 1024 * 1024;

/// The bytes of a file that has at most `limit` of them. Pipes are read as well.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)?.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_file_is_an_error() {
        let error = read(Path::new("/dev/zero"), 1_000).unwrap_err();
        assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
    }
}
