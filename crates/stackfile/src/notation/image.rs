//! Image references: what the official client accepts, and the form in which it sends them to the engine
//! (`distribution/reference`).

use std::sync::LazyLock;

use regex::Regex;

/// What to write, for the help of an error.
pub(crate) const HELP: &str =
    "write `name:tag`, like `registry.example.org/team/app:1.2`; names are lower case";

static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
    let tag = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    Regex::new(&format!("^((?:{domain}/)?{part}(?:/{part})*)(:{tag})?(@{digest})?$")).ok()
});

/// The reference as the engine gets it: Docker Hub's names shortened, `:latest` added where neither tag nor
/// digest is given. An identifier of 64 hexadecimal digits stays as it is.
pub(crate) fn normalise(image: &str) -> Result<String, String> {
    if is_identifier(image) {
        return Ok(image.into());
    }
    let wrong = || format!("`{image}` is no image reference");
    let (domain, remainder) = split_domain(image);
    let remote = remainder.split(':').next().unwrap_or_default();
    if remote.to_lowercase() != remote {
        return Err(format!("the image name `{remote}` is not in lower case"));
    }
    let full = format!("{domain}/{remainder}");
    let captures = REFERENCE.as_ref().and_then(|reference| reference.captures(&full)).ok_or_else(wrong)?;
    let name = captures.get(1).map_or("", |name| name.as_str());
    let tag = captures.get(2).map_or("", |tag| tag.as_str());
    let digest = captures.get(3).map_or("", |digest| digest.as_str());
    if name.len() > 255 || !is_known_digest(digest) {
        return Err(wrong());
    }
    let tag = if tag.is_empty() && digest.is_empty() { ":latest" } else { tag };
    Ok(format!("{}{tag}{digest}", familiar(name)))
}

fn is_identifier(image: &str) -> bool {
    image.len() == 64 && image.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_known_digest(digest: &str) -> bool {
    let Some(digest) = digest.strip_prefix('@') else { return true };
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn split_domain(image: &str) -> (&str, String) {
    let hub = |name: &str| {
        let library = if name.contains('/') { "" } else { "library/" };
        ("docker.io", format!("{library}{name}"))
    };
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", rest)) => hub(rest),
        Some((first, rest))
            if first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first =>
        {
            (first, rest.into())
        }
        _ => hub(image),
    }
}

fn familiar(name: &str) -> &str {
    let Some(path) = name.strip_prefix("docker.io/") else { return name };
    path.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (image, wanted) in [
            ("busybox", "busybox:latest".to_owned()),
            ("busybox:1", "busybox:1".into()),
            ("docker.io/library/busybox", "busybox:latest".into()),
            ("index.docker.io/team/app:2", "team/app:2".into()),
            ("localhost/app", "localhost/app:latest".into()),
            ("localhost:5000/app", "localhost:5000/app:latest".into()),
            ("Registry/app:x", "Registry/app:x".into()),
            (&format!("a@{digest}"), format!("a@{digest}")),
            (&format!("a:1@{digest}"), format!("a:1@{digest}")),
            (&"b".repeat(64), "b".repeat(64)),
        ] {
            assert_eq!(normalise(image), Ok(wanted), "{image}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for image in
            ["", "Busybox", "a b", "a:b:c", "a@sha256:12", "{{.Node}}", "a/", "-a", "a:", "https://a/b"]
        {
            assert!(normalise(image).is_err(), "{image}");
        }
    }
}
