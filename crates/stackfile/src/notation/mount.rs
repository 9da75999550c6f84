//! Volumes in short form: `[source:]target[:options]` (docker/cli, `loader/volume.go`).

/// What to write, for the help of an error.
pub(crate) const HELP: &str = "write `source:target` or `source:target:ro`";

/// A short form, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) bind: bool,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) nocopy: bool,
    pub(crate) propagation: Option<String>,
    /// Options that the official client drops without a word.
    pub(crate) ignored: Vec<String>,
}

/// Reads a short form. One letter before a colon is a Windows drive, as in `C:\data`.
pub(crate) fn parse(text: &str) -> Result<Mount, String> {
    let mut mount = Mount::default();
    if text.is_empty() {
        return Err("this volume is empty".into());
    }
    if text.len() <= 2 {
        text.clone_into(&mut mount.target);
        return Ok(mount);
    }
    let sections = sections(text);
    let count = sections.len();
    for (index, section) in sections.into_iter().enumerate() {
        let last = index + 1 == count;
        if section.is_empty() {
            return Err(format!("`{text}` has nothing between two colons"));
        }
        if mount.source.is_empty() && !last {
            mount.source = section;
        } else if mount.target.is_empty() {
            mount.target = section;
        } else if !last {
            return Err(format!("`{text}` has too many colons"));
        } else {
            options(&mut mount, &section);
        }
    }
    mount.bind = is_path(&mount.source);
    Ok(mount)
}

fn sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    for c in text.chars() {
        match sections.last_mut() {
            Some(section) if c != ':' || is_drive(section) => section.push(c),
            _ => sections.push(String::new()),
        }
    }
    sections
}

fn is_drive(section: &str) -> bool {
    let mut chars = section.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

fn options(mount: &mut Mount, section: &str) {
    for option in section.split(',') {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "nocopy" => mount.nocopy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                mount.propagation = Some(option.into());
            }
            other => mount.ignored.push(other.into()),
        }
    }
}

/// Whether a source is a path rather than the name of a volume.
fn is_path(source: &str) -> bool {
    let mut chars = source.chars();
    match (chars.next(), chars.next()) {
        (Some('.' | '/' | '~'), _) | (Some('\\'), Some('\\')) => true,
        (Some(first), Some(':')) => first.is_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let mount = parse(text).unwrap();
        let kind = if mount.bind { "bind" } else { "volume" };
        let read_only = if mount.read_only { " ro" } else { "" };
        let nocopy = if mount.nocopy { " nocopy" } else { "" };
        let propagation = mount.propagation.map(|p| format!(" {p}")).unwrap_or_default();
        format!("{kind} {} -> {}{read_only}{nocopy}{propagation}", mount.source, mount.target)
    }

    #[test]
    fn short_forms() {
        for (text, wanted) in [
            ("/data", "volume  -> /data"),
            ("x", "volume  -> x"),
            ("db:/data", "volume db -> /data"),
            ("db:/data:ro", "volume db -> /data ro"),
            ("./a:/b:ro,rshared", "bind ./a -> /b ro rshared"),
            ("~/a:/b", "bind ~/a -> /b"),
            ("db:/data:nocopy,z", "volume db -> /data nocopy"),
            (r"C:\win:D:\dest:ro", r"bind C:\win -> D:\dest ro"),
            (r"\\.\pipe\x:\\.\pipe\x", r"bind \\.\pipe\x -> \\.\pipe\x"),
            // The first colon after one letter belongs to a drive.
            ("d:/data", "volume  -> d:/data"),
        ] {
            assert_eq!(show(text), wanted, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "aa::b", ":::", ":/b", "ab:", "aa:bb:cc:dd"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
