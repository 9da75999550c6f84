//! `sslmode` against a server with a real certificate: what libpq would accept is accepted, what it would refuse is
//! refused at once.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::Project;
use testbed::postgres::{Postgres, Prepared};

/// A certificate authority and a certificate for `db.example`, and a server that uses it.
fn server(folder: &Path) -> Postgres {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", support::text(&output));
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tidegate-test-ca",
    );
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=db.example");
    fs::write(folder.join("names"), "subjectAltName=DNS:db.example,DNS:localhost\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
    );
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other-ca.pem -days 2 -subj /CN=another-ca",
    );
    let prepared = Prepared::new();
    let certificate = prepared.install("server.pem", &fs::read(folder.join("server.pem")).unwrap());
    let key = prepared.install("server.key", &fs::read(folder.join("server.key")).unwrap());
    prepared.run(&[("ssl", "on"), ("ssl_cert_file", &certificate), ("ssl_key_file", &key)])
}

#[test]
fn each_sslmode_trusts_what_libpq_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = server(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let cases = [
        ("127.0.0.1", "sslmode=disable".to_owned(), true),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={}", file("other-ca.pem")), false),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={}", file("ca.pem")), true),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={}", file("other-ca.pem")), false),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={}", file("ca.pem")), false),
        ("localhost", format!("sslmode=verify-full&sslrootcert={}", file("ca.pem")), true),
        ("localhost", format!("sslmode=verify-full&sslrootcert={}", file("other-ca.pem")), false),
        ("localhost", "sslmode=verify-full&sslrootcert=system".to_owned(), false),
        ("localhost", format!("sslmode=verify-full&sslrootcert={}", file("missing.pem")), false),
    ];
    for (host, query, accepted) in cases {
        // psycopg judges for itself; here only our own connections count, so the history is one that is current.
        let mut project = Project::new();
        project.url = format!("{}?{query}", postgres.url("postgres").replace("127.0.0.1", host));
        let started = Instant::now();
        let run = project.migrate();
        assert_eq!(run.result.is_ok(), accepted, "{host} {query}: {:?}", run.result);
        if !accepted {
            assert_eq!(run.error().kind(), "database_refused", "{host} {query}");
            assert!(run.error().hint().unwrap().contains("sslrootcert"), "{:?}", run.error().hint());
            assert!(started.elapsed() < Duration::from_secs(2), "{host} {query}: {:?}", started.elapsed());
        }
    }
}

#[test]
fn the_password_is_sent_by_scram_with_channel_binding() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = server(folder.path());
    postgres.sql("postgres", "ALTER SYSTEM SET log_connections = on");
    postgres.sql("postgres", "SELECT pg_reload_conf()");
    let mut project = Project::line();
    project.url = format!("{}?sslmode=require&channel_binding=require", postgres.url("postgres"));
    project.migrate().ok();
    let log = postgres.log();
    assert!(log.contains("method=scram-sha-256"), "{log}");
    assert!(log.contains("SSL enabled"), "{log}");
    project.url = format!("{}?sslmode=disable&channel_binding=require", postgres.url("postgres"));
    let run = project.migrate();
    assert_eq!(run.error().kind(), "database_refused", "the password went over an open channel");
}
