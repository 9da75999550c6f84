//! Paths as the official client makes them absolute. Pure text: nothing is looked up on disk.

use std::path::{Component, Path, PathBuf};

/// A path below a folder, without `.` and `..`; an absolute path stays as it is.
pub(crate) fn absolute(folder: &Path, path: &str) -> PathBuf {
    if Path::new(path).is_absolute() { PathBuf::from(path) } else { clean(&folder.join(path)) }
}

/// The same path without `.`, `..` and doubled slashes.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            Component::ParentDir if out.has_root() => {}
            component => out.push(component),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// Whether a path is absolute on Windows: a drive or a network share, and a separator after it.
pub(crate) fn is_windows_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    let slash = |at: usize| bytes.get(at).is_some_and(|&b| b == b'\\' || b == b'/');
    if bytes.len() >= 2 && bytes[1] == b':' && bytes[0].is_ascii_alphabetic() {
        return slash(2);
    }
    if !(bytes.len() >= 5 && slash(0) && slash(1) && !slash(2) && bytes[2] != b'.') {
        return false;
    }
    // `\\server\share\...`
    let Some(server) = (3..bytes.len() - 1).find(|&at| slash(at)) else { return false };
    let share = server + 1;
    if slash(share) || bytes[share] == b'.' {
        return false;
    }
    (share..bytes.len()).any(slash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_folder() {
        for (path, wanted) in [
            ("./a", "/base/a"),
            ("../a/./b//c", "/a/b/c"),
            ("../../../a", "/a"),
            (".", "/base"),
            ("", "/base"),
            ("/abs/../x", "/abs/../x"),
        ] {
            assert_eq!(absolute(Path::new("/base"), path), Path::new(wanted), "{path}");
        }
    }

    #[test]
    fn windows_paths() {
        for (path, wanted) in [
            (r"C:\a", true),
            ("c:/a", true),
            ("c:", false),
            ("c:a", false),
            (r"\\server\share\x", true),
            (r"\\server\share", false),
            (r"\\.\pipe\x", false),
            ("/a", false),
        ] {
            assert_eq!(is_windows_absolute(path), wanted, "{path}");
        }
    }
}
