//! libpq's own sources: the `PG*` variables, the service file and the password file (PostgreSQL documentation,
//! "Variables Variables", "The Connection Service File", "The Password File").

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Host, Partial, SettingsError, Variables, port, tls_mode};
use crate::secret::Secret;

/// What the `PG*` variables (or their `_FILE` forms) say.
pub(super) fn variables(variables: &Variables) -> Result<Partial, SettingsError> {
    let value = |name: &str| Ok(variables.value(name)?.map(|(value, _)| value));
    let mut partial = Partial {
        user: value("PGUSER")?,
        password: value("PGPASSWORD")?.map(Secret::new),
        database: value("PGDATABASE")?,
        options: value("PGOPTIONS")?,
        root_certificates: value("PGSSLROOTCERT")?.map(PathBuf::from),
        certificate: value("PGSSLCERT")?.map(PathBuf::from),
        key: value("PGSSLKEY")?.map(PathBuf::from),
        channel_binding: value("PGCHANNELBINDING")?,
        service: value("PGSERVICE")?,
        ..Partial::default()
    };
    if let Some(mode) = value("PGSSLMODE")? {
        partial.tls_mode = Some(tls_mode("PGSSLMODE", &mode)?);
    }
    let hosts = value("PGHOST")?.or(value("PGHOSTADDR")?).unwrap_or_default();
    let ports = value("PGPORT")?.unwrap_or_default();
    let ports: Vec<u16> = ports
        .split(',')
        .filter(|text| !text.is_empty())
        .map(|text| port("PGPORT", text))
        .collect::<Result<_, _>>()?;
    partial.port = ports.first().copied();
    for (index, host) in hosts.split(',').filter(|host| !host.is_empty()).enumerate() {
        partial.hosts.push((host.to_owned(), ports.get(index).copied()));
    }
    Ok(partial)
}

/// Whether the variables are enough to be meant as a database, not only as additions to a URL.
pub(super) fn names_a_database(variables: &Partial) -> bool {
    !variables.hosts.is_empty() || variables.database.is_some() || variables.service.is_some()
}

/// Where libpq connects to when no host is named: Debian's socket folder, else upstream's.
pub(super) fn default_host() -> String {
    ["/var/run/postgresql", "/tmp"]
        .into_iter()
        .find(|folder| Path::new(folder).is_dir())
        .unwrap_or("localhost")
        .to_owned()
}

/// The settings of one service of the service file.
pub(super) fn service(name: &str, variables: &Variables) -> Result<Partial, SettingsError> {
    let path = variables.get("PGSERVICEFILE").map(PathBuf::from).or_else(|| {
        let own = PathBuf::from(variables.get("HOME")?).join(".pg_service.conf");
        if own.exists() {
            return Some(own);
        }
        let folder = variables.get("PGSYSCONFDIR").unwrap_or("/etc/postgresql-common");
        Some(Path::new(folder).join("pg_service.conf"))
    });
    let path = path.unwrap_or_else(|| PathBuf::from("/etc/postgresql-common/pg_service.conf"));
    let text = fs::read_to_string(&path).map_err(|error| SettingsError::File {
        name: "PGSERVICE".to_owned(),
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    let mut partial = Partial::default();
    let mut inside = false;
    let mut found = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section == name;
            found |= inside;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            apply(&mut partial, key.trim(), value.trim())?;
        }
    }
    if found {
        return Ok(partial);
    }
    Err(SettingsError::Value {
        name: "PGSERVICE".to_owned(),
        value: name.to_owned(),
        reason: format!("{} has no section [{name}]", path.display()),
    })
}

fn apply(partial: &mut Partial, key: &str, value: &str) -> Result<(), SettingsError> {
    match key {
        "host" | "hostaddr" => {
            partial.hosts = value.split(',').map(|host| (host.to_owned(), None)).collect();
        }
        "port" => partial.port = Some(port("port in the service file", value)?),
        "user" => partial.user = Some(value.to_owned()),
        "password" => partial.password = Some(Secret::new(value)),
        "dbname" => partial.database = Some(value.to_owned()),
        "options" => partial.options = Some(value.to_owned()),
        "sslmode" => partial.tls_mode = Some(tls_mode("sslmode in the service file", value)?),
        "sslrootcert" => partial.root_certificates = Some(PathBuf::from(value)),
        "sslcert" => partial.certificate = Some(PathBuf::from(value)),
        "sslkey" => partial.key = Some(PathBuf::from(value)),
        "channel_binding" => partial.channel_binding = Some(value.to_owned()),
        _ => {}
    }
    Ok(())
}

/// The password that the password file has for the first host. Like libpq, a file that others may read is not used.
pub(super) fn password_file(
    variables: &Variables,
    hosts: &[Host],
    user: &str,
    database: &str,
) -> Option<Secret> {
    let path = match variables.get("PGPASSFILE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(variables.get("HOME")?).join(".pgpass"),
    };
    if fs::metadata(&path).ok()?.permissions().mode() & 0o077 != 0 {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let host = hosts.first()?;
    let name = if host.name.starts_with('/') { "localhost" } else { &host.name };
    let wanted = [name, &host.port.to_string(), database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let matches = wanted.iter().zip(&fields).all(|(wanted, field)| field == "*" || field == wanted);
        (matches && fields.len() == 5).then(|| Secret::new(fields[4].clone()))
    })
}

/// The fields of one line: `:` separates, a backslash escapes `:` and itself.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => fields.last_mut().into_iter().for_each(|field| field.extend(characters.next())),
            ':' if fields.len() < 5 => fields.push(String::new()),
            other => fields.last_mut().into_iter().for_each(|field| field.push(other)),
        }
    }
    fields
}
