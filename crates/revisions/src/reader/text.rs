//! A file's bytes as text, as Python decodes source.

/// UTF-8 with or without a byte order mark, or Latin-1 when the file declares it; or else the first wrong byte.
pub(super) fn decode(bytes: &[u8]) -> Result<String, usize> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if declares_latin_1(bytes) => Ok(bytes.iter().copied().map(char::from).collect()),
        Err(error) => Err(error.valid_up_to()),
    }
}

/// PEP 263: a comment in one of the first two lines.
fn declares_latin_1(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').take(2).any(|line| {
        let line = String::from_utf8_lossy(line).to_ascii_lowercase().replace('_', "-");
        let Some((_, encoding)) = line.split_once("coding").filter(|_| line.trim_start().starts_with('#'))
        else {
            return false;
        };
        let encoding = encoding.trim_start_matches([':', '=']).trim_start();
        ["latin-1", "latin1", "iso-8859-1", "iso8859-1"].iter().any(|name| encoding.starts_with(name))
    })
}
