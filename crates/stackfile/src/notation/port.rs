//! Ports in short form: `[ip:][published:]target[/protocol]`, each side a number or a range (docker's
//! `go-connections/nat` and docker/cli `opts/swarmopts`).

use std::net::IpAddr;

/// What to write, for the help of an error.
pub(crate) const HELP: &str =
    "write `published:target`, like \"8080:80\" or \"53:53/udp\"; ports are 1 to 65535";

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) target: u32,
    /// 0: the manager chooses.
    pub(crate) published: u32,
    pub(crate) protocol: String,
}

/// What a text stands for: its ports, and a host address that Swarm cannot bind to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) ports: Vec<Port>,
    pub(crate) ignored_address: Option<String>,
}

/// Reads a short form. Ranges give one port for each number, in the official client's order (by the text of
/// `target/protocol`).
pub(crate) fn parse(text: &str) -> Result<Ports, String> {
    let mut parts: Vec<&str> = text.split(':').collect();
    let container = parts.pop().unwrap_or_default();
    let published = parts.pop().unwrap_or_default();
    let address = parts.join(":");
    let (target, protocol) = split_protocol(container);
    if target.is_empty() {
        return Err(format!("`{text}` names no port of the container"));
    }
    let ignored_address = host_address(&address)?;
    let target = range(target)?;
    let host = if published.is_empty() { None } else { Some(range(published)?) };
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("`{protocol}` is no protocol that Swarm publishes (tcp, udp or sctp)"));
    }
    if let Some(host) = &host
        && host.len() != target.len()
        && target.len() != 1
    {
        return Err(format!("`{text}` has ranges of different lengths"));
    }
    let port = |target: u32, published: u32| Port { target, published, protocol: protocol.clone() };
    let mut found: Vec<Port> = match host {
        None => target.map(|target| port(target, 0)).collect(),
        Some(host) if target.len() == 1 => host.map(|host| port(target.start, host)).collect(),
        Some(host) => target.zip(host).map(|(target, host)| port(target, host)).collect(),
    };
    found.sort_by_key(|port| format!("{}/{}", port.target, port.protocol));
    Ok(Ports { ports: found, ignored_address })
}

fn split_protocol(container: &str) -> (&str, &str) {
    let mut parts = container.split('/');
    let target = parts.next().unwrap_or_default();
    (target, parts.next().filter(|protocol| !protocol.is_empty()).unwrap_or("tcp"))
}

fn host_address(address: &str) -> Result<Option<String>, String> {
    if address.is_empty() {
        return Ok(None);
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if bare.is_empty() {
        return Ok(None);
    }
    let parsed: IpAddr = bare.parse().map_err(|_| format!("`{address}` is no IP address"))?;
    Ok((!parsed.is_unspecified()).then(|| bare.to_owned()))
}

/// A number or `first-last`, as a half-open range.
fn range(text: &str) -> Result<std::ops::Range<u32>, String> {
    let number = |text: &str| -> Result<u32, String> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let port = text.parse::<u16>().ok().filter(|_| digits);
        port.map(u32::from).ok_or_else(|| format!("`{text}` is no port number"))
    };
    let mut ends = text.split('-');
    let first = number(ends.next().unwrap_or_default())?;
    let last = ends.next().map_or(Ok(first), number)?;
    if last < first {
        return Err(format!("the range `{text}` ends before it starts"));
    }
    Ok(first..last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let parsed = parse(text).unwrap();
        let ports: Vec<String> = parsed
            .ports
            .iter()
            .map(|port| format!("{}:{}/{}", port.published, port.target, port.protocol))
            .collect();
        ports.join(" ") + &parsed.ignored_address.map(|address| format!(" ({address})")).unwrap_or_default()
    }

    #[test]
    fn short_forms() {
        for (text, wanted) in [
            ("80", "0:80/tcp"),
            ("8080:80", "8080:80/tcp"),
            ("53:53/UDP", "53:53/udp"),
            ("80/", "0:80/tcp"),
            ("127.0.0.1:8080:80", "8080:80/tcp (127.0.0.1)"),
            ("0.0.0.0:8080:80", "8080:80/tcp"),
            ("[::1]:8080:80", "8080:80/tcp (::1)"),
            ("::1:8080:80", "8080:80/tcp (::1)"),
            ("127.0.0.1::80", "0:80/tcp (127.0.0.1)"),
            (":80", "0:80/tcp"),
            ("8-11:8-11", "10:10/tcp 11:11/tcp 8:8/tcp 9:9/tcp"),
            ("8000-8002:80", "8000:80/tcp 8001:80/tcp 8002:80/tcp"),
            ("80-81", "0:80/tcp 0:81/tcp"),
        ] {
            assert_eq!(show(text), wanted, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "x", "80:", "80:x", "x:80", "70000", "1-2:3-5", "9-8", "80/http", "host:80:80", "-80", "+80"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
