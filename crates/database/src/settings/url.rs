//! Database URLs as `SQLAlchemy` reads them (`sqlalchemy.engine.url._parse_url`), which takes in libpq's own form.

use std::path::PathBuf;

use diagnostics::secrets::percent_decoded as decode;

use super::{Partial, SettingsError, port, tls_mode};
use crate::secret::Secret;

/// Reads `postgresql[+DRIVER]://[USER[:PASSWORD]@][HOST[:PORT]][/DATABASE][?KEY=VALUE&...]`.
pub(super) fn parse(text: &str, source: &str) -> Result<Partial, SettingsError> {
    let wrong =
        |reason: &str| SettingsError::Url { source_name: source.to_owned(), reason: reason.to_owned() };
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no ://"))?;
    let dialect = scheme.split('+').next().unwrap_or_default();
    if !matches!(dialect, "postgresql" | "postgres") {
        return Err(wrong(&format!("it is for {dialect:?}, and Tidegate speaks only PostgreSQL")));
    }
    let (login, rest) = login_end(rest).map_or((None, rest), |at| (Some(&rest[..at]), &rest[at + 1..]));
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
    let (hosts, database) = rest.split_once('/').map_or((rest, None), |(hosts, name)| (hosts, Some(name)));
    let mut partial = Partial::default();
    if let Some(login) = login {
        let (user, password) =
            login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        partial.user = Some(decode(user)).filter(|user| !user.is_empty());
        partial.password = password.map(|password| Secret::new(decode(password)));
    }
    partial.database = database.map(decode).filter(|name| !name.is_empty());
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        partial.hosts.push(split_host(&decode(host), source)?);
    }
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        option(&mut partial, &decode(key), &decode(&value.replace('+', " ")), source)?;
    }
    Ok(partial)
}

/// Where the `@` behind the login is. One in a password should be encoded, but is often not; no host has one. A password may
/// have a `?` in it, as it may for `SQLAlchemy`.
fn login_end(rest: &str) -> Option<usize> {
    let before_query = rest.find('?').unwrap_or(rest.len());
    rest[..before_query].rfind('@').or_else(|| {
        let first = rest.find([':', '/', '?', '@'])?;
        rest[first..].starts_with(':').then(|| rest.find('@'))?
    })
}

/// `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
fn split_host(text: &str, source: &str) -> Result<(String, Option<u16>), SettingsError> {
    if text.starts_with('/') {
        return Ok((text.to_owned(), None));
    }
    if let Some((address, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let own = after.strip_prefix(':').filter(|digits| !digits.is_empty());
        return Ok((address.to_owned(), own.map(|own| port_in(source, own)).transpose()?));
    }
    match text.split_once(':') {
        Some((host, "")) => Ok((host.to_owned(), None)),
        Some((host, own)) if !own.contains(':') => Ok((host.to_owned(), Some(port_in(source, own)?))),
        // An IPv6 address without its brackets.
        _ => Ok((text.to_owned(), None)),
    }
}

/// A port in a URL. What stands in its place is not shown: it may be the rest of a password that is not encoded.
fn port_in(source: &str, text: &str) -> Result<u16, SettingsError> {
    port("", text).map_err(|_| SettingsError::Url {
        source_name: source.to_owned(),
        reason: "its port is not a number from 1 to 65535".to_owned(),
    })
}

/// One option of the query; those of the driver alone (`connect_timeout`, `prepared_statement_cache_size`) are
/// not ours to judge.
fn option(partial: &mut Partial, key: &str, value: &str, source: &str) -> Result<(), SettingsError> {
    let name = format!("{key} in {source}");
    match key {
        // `SQLAlchemy` accepts several `host=NAME:PORT`, libpq accepts `host=A,B`; both replace an empty authority.
        "host" | "hostaddr" => {
            for host in value.split(',').filter(|host| !host.is_empty()) {
                partial.hosts.push(split_host(host, source)?);
            }
        }
        // pg8000 names the socket itself: `/run/postgresql/.s.PGSQL.5432`.
        "unix_sock" => {
            if let Some((folder, own)) = value.rsplit_once("/.s.PGSQL.") {
                partial.hosts.push((folder.to_owned(), Some(port(&name, own)?)));
            }
        }
        "port" => {
            let ports = value.split(',').map(|own| port(&name, own)).collect::<Result<Vec<_>, _>>()?;
            partial.port = ports.first().copied();
            if ports.len() == partial.hosts.len() {
                for (host, own) in partial.hosts.iter_mut().zip(ports) {
                    host.1 = Some(own);
                }
            }
        }
        "user" => partial.user = Some(value.to_owned()),
        "password" => partial.password = Some(Secret::new(value)),
        "dbname" | "database" => partial.database = Some(value.to_owned()),
        "options" => partial.options = Some(value.to_owned()),
        "sslmode" | "ssl" => partial.tls_mode = Some(tls_mode(&name, value)?),
        "sslrootcert" => partial.root_certificates = Some(PathBuf::from(value)),
        "sslcert" => partial.certificate = Some(PathBuf::from(value)),
        "sslkey" => partial.key = Some(PathBuf::from(value)),
        "channel_binding" => partial.channel_binding = Some(value.to_owned()),
        "service" => partial.service = Some(value.to_owned()),
        _ => {}
    }
    Ok(())
}
