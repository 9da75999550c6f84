//! The stock client's order of precedence, its context store, and addresses that make no sense.

use std::fs;

use tempfile::TempDir;

use super::{Endpoint, Environment, Tls};

fn resolve(host: Option<&str>, context: Option<&str>, env: &Environment) -> String {
    match Endpoint::resolve(host, context, env) {
        Ok(endpoint) => endpoint.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

/// A home folder with the context `far` (TLS), the context `hop` (ssh), and `far` as the current one if `current`.
fn home(current: bool) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let docker = home.path().join(".docker");
    for (name, host) in [("far", "tcp://far.example:2376"), ("hop", "ssh://ada@hop.example:2222")] {
        let key = super::context::hex_of_name(name);
        let meta = docker.join("contexts/meta").join(&key);
        fs::create_dir_all(&meta).unwrap();
        let text = format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        );
        fs::write(meta.join("meta.json"), text).unwrap();
    }
    let tls = docker.join("contexts/tls").join(super::context::hex_of_name("far")).join("docker");
    fs::create_dir_all(&tls).unwrap();
    fs::write(tls.join("ca.pem"), "").unwrap();
    if current {
        fs::write(docker.join("config.json"), r#"{"auths":{},"currentContext":"far"}"#).unwrap();
    }
    home
}

#[test]
fn precedence_is_that_of_the_stock_client() {
    let with = home(true);
    let without = home(false);
    let env = |home: &TempDir, variables: &[(&str, &str)]| {
        Environment::new(variables.iter().copied(), Some(home.path().to_owned()))
    };
    let host = ("DOCKER_HOST", "tcp://env:1");
    let hop = ("DOCKER_CONTEXT", "hop");
    let cases: [(Option<&str>, Option<&str>, Environment, &str); 9] = [
        (Some("unix:///a"), None, env(&with, &[host, hop]), "unix:///a"),
        (None, Some("hop"), env(&with, &[host]), "ssh://ada@hop.example:2222"),
        (None, Some("default"), env(&with, &[host]), "unix:///var/run/docker.sock"),
        (None, None, env(&with, &[host, hop]), "tcp://env:1"),
        (None, None, env(&with, &[hop]), "ssh://ada@hop.example:2222"),
        (None, None, env(&with, &[("DOCKER_CONTEXT", "")]), "tcp://far.example:2376"),
        (None, None, env(&with, &[]), "tcp://far.example:2376"),
        (None, None, env(&without, &[]), "unix:///var/run/docker.sock"),
        (
            Some("unix:///a"),
            Some("hop"),
            env(&with, &[]),
            "error: cannot use the engine address unix:///a: it contradicts the context hop: give one of the two",
        ),
    ];
    for (host, context, env, expected) in cases {
        assert_eq!(resolve(host, context, &env), expected, "{host:?} {context:?} {env:?}");
    }
}

#[test]
fn a_contexts_tls_files_are_found() {
    let home = home(true);
    let env = Environment::new::<&str, &str>([], Some(home.path().to_owned()));
    let Endpoint::Tcp { tls: Some(Tls { ca: Some(ca), cert: None, key: None }), .. } =
        Endpoint::resolve(None, None, &env).unwrap()
    else {
        panic!("the context has a CA and nothing else")
    };
    assert!(ca.ends_with("docker/ca.pem"), "{ca:?}");
}

#[test]
fn tls_verify_asks_for_tls_and_its_port() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let env = |verify: &str| {
        Environment::new(
            [("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", verify), ("DOCKER_CERT_PATH", path)],
            None,
        )
    };
    let expected = Tls {
        ca: Some(folder.path().join("ca.pem")),
        cert: Some(folder.path().join("cert.pem")),
        key: Some(folder.path().join("key.pem")),
    };
    let secured = Endpoint::Tcp { host: "h".into(), port: 2376, tls: Some(expected) };
    assert_eq!(Endpoint::resolve(None, None, &env("1")).unwrap(), secured);
    let bare = Endpoint::Tcp { host: "h".into(), port: 2375, tls: None };
    assert_eq!(Endpoint::resolve(None, None, &env("")).unwrap(), bare);
}

#[test]
fn addresses_are_read_as_the_stock_client_reads_them() {
    let env = Environment::default();
    for (address, expected) in [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("tcp://10.0.0.1:4243", "tcp://10.0.0.1:4243"),
        ("tcp://[::1]:4243", "tcp://[::1]:4243"),
        ("tcp://:4243", "tcp://localhost:4243"),
        ("10.0.0.1:4243", "tcp://10.0.0.1:4243"),
        ("https://h", "tcp://h:2376"),
        ("ssh://h", "ssh://h"),
        ("ssh://u@h:22/run/x.sock", "ssh://u@h:22"),
        (
            "npipe:////./pipe/x",
            "error: cannot use the engine address npipe:////./pipe/x: npipe:// is not supported",
        ),
        (
            "tcp://h:99999",
            "error: cannot use the engine address tcp://h:99999: the port is not a number up to 65535",
        ),
        (
            "tcp://h:1/x",
            "error: cannot use the engine address tcp://h:1/x: a path after the port is not supported",
        ),
        (
            "ssh://-oProxyCommand=x",
            "error: cannot use the engine address ssh://-oProxyCommand=x: there is no host in it",
        ),
        (
            "ssh://u:hunter2@h",
            "error: cannot use the engine address ssh://***@h: it holds a password: use a key or the ssh agent",
        ),
        (
            "ssh://ada@h:x",
            "error: cannot use the engine address ssh://ada@h:x: the port is not a number up to 65535",
        ),
    ] {
        assert_eq!(resolve(Some(address), None, &env), expected, "{address}");
    }
}

#[test]
fn an_address_with_a_login_is_refused_and_the_login_is_not_shown() {
    let env = Environment::default();
    for address in [
        "tcp://ada:hunter2@h:2376",
        "tcp://hunter2@h",
        "https://ada:hunter2@h/path",
        "wss://ada:hunter2@h",
        "ada:hunter2@h:2375",
        "ada:hunter2@h://",
        "ssh://ada:hunter2@h",
        "tcp://h:1/?token=hunter2",
    ] {
        let refused = resolve(Some(address), None, &env);
        assert!(refused.starts_with("error: ") && !refused.contains("hunter2"), "{address}: {refused}");
    }
}

#[test]
fn a_context_that_cannot_be_used_says_which_file_to_look_at() {
    let home = home(false);
    let env = Environment::new::<&str, &str>([], Some(home.path().to_owned()));
    let missing = resolve(None, Some("nowhere"), &env);
    assert!(missing.contains("nowhere") && missing.contains("meta.json does not exist"), "{missing}");

    fs::write(home.path().join(".docker/config.json"), "{").unwrap();
    let broken = resolve(None, None, &env);
    assert!(broken.contains("config.json") && broken.contains("cannot be read"), "{broken}");

    fs::write(home.path().join(".docker/config.json"), r#"{"currentContext": ["hunter2"]}"#).unwrap();
    let broken = resolve(None, None, &env);
    assert!(broken.contains("line 1, column") && !broken.contains("hunter2"), "{broken}");

    let key = super::context::hex_of_name("lax");
    let meta = home.path().join(".docker/contexts/meta").join(key);
    fs::create_dir_all(&meta).unwrap();
    let text = r#"{"Name":"lax","Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":true}}}"#;
    fs::write(meta.join("meta.json"), text).unwrap();
    let lax = resolve(None, Some("lax"), &env);
    assert!(lax.contains("skips the verification"), "{lax}");
}
