//! Configuration of any text: where the database is, where the engine is, how Alembic is set up, files of variables, `x-tidegate`.
//! It is read or refused; never a panic, never a hang, and no refusal shows the secret beside what is wrong. The first byte chooses
//! which configuration it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};

use database::Hook;
use database::settings::{self, Variables};
use deploy::{Target, Url, parse_duration};
use engine::{Credentials, Endpoint, Environment};
use revisions::{ConfigOptions, find_config};
use serde_json::Value;
use stackfile::{Input, Options, convert, load, read_variables};

/// A secret beside the text.
const SECRET: &str = "hunter2hunter2";
/// Where the docker client keeps the context `fuzzed`: the SHA-256 of its name.
const CONTEXT: &str = "contexts/meta/273586cef83e3c19519c8a067849911f3b8f6dc913e7962ed7aa2a1b05577627";
/// Variables that name files. What the fuzzer thinks of must not be read: a device has no end.
const NAMES_A_FILE: [&str; 4] = ["PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR", "HOME"];

/// Any configuration.
pub fn configuration(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    // What the fuzzer writes itself may be told: it is the secret only where this file puts it.
    if bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
        return;
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match kind % 15 {
        0 => database_url(text),
        1 => variables(text, None),
        2 => variables(text, Some("postgresql://u@h/d")),
        3 => in_folder(|folder| service_file(folder, bytes)),
        4 => in_folder(|folder| password_file(folder, bytes)),
        5 => in_folder(|folder| alembic(folder, "alembic.ini", bytes)),
        6 => in_folder(|folder| alembic(folder, "pyproject.toml", bytes)),
        7 => in_folder(|folder| alembic(folder, "migrations/env.py", bytes)),
        8 => engine_address(text),
        9 => in_folder(|folder| docker_client(folder, bytes)),
        10 => in_folder(|folder| docker_context(folder, bytes)),
        11 => in_folder(|folder| files_of_variables(folder, text)),
        12 => section(text),
        13 => labels(text),
        _ => words(text),
    }
}

fn in_folder(read: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    read(folder.path());
}

fn write(path: &Path, bytes: &[u8]) {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).expect("a folder");
    }
    fs::write(path, bytes).expect("a file");
}

fn assert_unseen(shown: &str) {
    assert!(!shown.contains(SECRET), "a refusal shows the secret: {shown}");
}

fn database_url(text: &str) {
    let resolved = |url: &str| settings::resolve(&Variables::of([("DATABASE_URL", url)]), None);
    let _ = resolved(text);
    match resolved(&format!("postgresql://user:{SECRET}@{text}")) {
        Ok(settings) => assert_unseen(&settings.place()),
        Err(error) => assert_unseen(&format!("{error} {error:?} {}", error.hint())),
    }
}

/// `NAME=value` lines as the environment.
fn variables(text: &str, configured: Option<&str>) {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let pairs = pairs.filter(|(name, _)| !name.ends_with("_FILE") && !NAMES_A_FILE.contains(name));
    let pairs = pairs.filter(|(name, _)| *name != "PGSERVICE");
    match settings::resolve(&Variables::of(pairs.chain([("PGPASSWORD", SECRET)])), configured) {
        Ok(settings) => assert_unseen(&format!("{} {settings:?}", settings.place())),
        Err(error) => assert_unseen(&format!("{error} {error:?} {}", error.hint())),
    }
}

fn service_file(folder: &Path, bytes: &[u8]) {
    let path = folder.join("services");
    write(&path, &[format!("[app]\npassword={SECRET}\n").as_bytes(), bytes].concat());
    let file = path.display().to_string();
    let variables = Variables::of([("PGSERVICE", "app"), ("PGSERVICEFILE", &file)]);
    if let Err(error) = settings::resolve(&variables, None) {
        assert_unseen(&error.to_string());
    }
}

fn password_file(folder: &Path, bytes: &[u8]) {
    let path = folder.join("passwords");
    write(&path, bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    let file = path.display().to_string();
    let _ =
        settings::resolve(&Variables::of([("PGHOST", "h"), ("PGUSER", "u"), ("PGPASSFILE", &file)]), None);
}

/// One of the three files that set Alembic up, beside two that are fine.
fn alembic(folder: &Path, name: &str, bytes: &[u8]) {
    let ini = "[alembic]\nscript_location = migrations\n";
    if name != "pyproject.toml" {
        write(&folder.join("alembic.ini"), ini.as_bytes());
    }
    write(&folder.join("migrations/env.py"), b"");
    let secret =
        if name == "migrations/env.py" { String::new() } else { format!("db_password = \"{SECRET}\"\n") };
    let start = if name == "alembic.ini" { "[alembic]\n" } else { "" };
    write(&folder.join(name), &[start.as_bytes(), secret.as_bytes(), bytes].concat());
    let options = ConfigOptions { directory: folder.to_owned(), ..ConfigOptions::default() };
    match find_config(&options) {
        Ok(config) => {
            let url = config.sqlalchemy_url.as_ref().map(revisions::Secret::expose);
            let _ = settings::resolve(&Variables::default(), url);
        }
        // A folder that is named after the secret is told.
        Err(_) if bytes.windows(2).any(|pair| pair == b"%(") => {}
        Err(refused) => assert_unseen(&refused.render(diagnostics::Style::Plain)),
    }
}

fn engine_address(text: &str) {
    let environment = Environment::default();
    let _ = Endpoint::resolve(Some(text), None, &environment);
    // A login ends with the last `@`: what is behind it is the address.
    for address in [format!("tcp://user:{SECRET}@{text}"), format!("user:{SECRET}@{text}")] {
        match Endpoint::resolve(Some(&address), None, &environment) {
            Ok(endpoint) => assert_unseen(&endpoint.to_string()),
            Err(error) => assert_unseen(&format!("{error} {}", error.hint())),
        }
    }
}

fn docker_client(folder: &Path, bytes: &[u8]) {
    write(&folder.join("config.json"), bytes);
    let environment = Environment::new([("DOCKER_CONFIG", folder.display().to_string())], None);
    let _ = Endpoint::resolve(None, None, &environment);
    let Ok(credentials) = Credentials::load(&environment) else { return };
    // A helper is another program.
    let names_helper =
        |config: &Value| config.get("credsStore").is_some() || config.get("credHelpers").is_some();
    if serde_json::from_slice(bytes).is_ok_and(|config: Value| !names_helper(&config)) {
        for image in ["redis", "registry.test/app:1", "localhost:5000/app@sha256:0"] {
            // Without a helper there is nothing to wait for.
            let mut asking = pin!(credentials.for_image(image));
            assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    }
}

fn docker_context(folder: &Path, bytes: &[u8]) {
    write(&folder.join(CONTEXT).join("meta.json"), bytes);
    let environment = Environment::new([("DOCKER_CONFIG", folder.display().to_string())], None);
    let _ = Endpoint::resolve(None, Some("fuzzed"), &environment);
}

/// A file beside the stack file, and one that a service names.
fn files_of_variables(folder: &Path, text: &str) {
    let path = folder.join("a.env");
    // The secret begins a value that the text may end, or not.
    for begin in ["A_TOKEN=", "A_TOKEN=\"", "+"] {
        write(&path, format!("{begin}{SECRET}{text}").as_bytes());
        if let Err(refused) = read_variables(&path, &BTreeMap::new()) {
            assert_unseen(&refused.render(diagnostics::Style::Plain));
        }
    }
    let stack = "services: { api: { image: a, env_file: a.env } }";
    let options = Options { working_dir: folder.to_owned(), ..Options::default() };
    if let Err(refused) = load(&[Input::stdin(stack)], &options) {
        for refused in refused {
            assert_unseen(&refused.render(diagnostics::Style::Plain));
        }
    }
}

/// The text below `x-tidegate`.
fn section(text: &str) {
    let section = text.lines().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat();
    stack(&format!("services: {{ api: {{ image: a }}, gate: {{ image: b }} }}\nx-tidegate:\n{section}"));
}

/// The text as `NAME=value` labels of a service.
fn labels(text: &str) {
    let label = |line: &str| format!("        - {}\n", Value::from(line));
    let labels = text.lines().map(label).collect::<Vec<_>>().concat();
    stack(&format!("services:\n  api:\n    image: a\n    deploy:\n      labels:\n{labels}"));
}

fn stack(text: &str) {
    let Ok(loaded) = load(&[Input::stdin(text)], &Options::default()) else { return };
    if let Ok(desired) = convert(&loaded.stack, "stack") {
        let _ = Target::check(&desired);
    }
}

/// Short texts of the command line and of the gate's environment.
fn words(text: &str) {
    let _ = parse_duration(text);
    let _ = Hook::list(text);
    let _ = Url::parse(text);
    if let Ok(url) = Url::parse(&format!("http://h/?token={SECRET}{text}")) {
        assert_unseen(&url.to_string());
    }
}
