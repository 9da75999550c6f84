//! Checks of stack files: what is read, and what is refused, where, with what to write instead.

use serde_json::json;

use super::super::Settings;
use super::*;

fn read(text: &str) -> Result<Settings, Vec<Diagnostic>> {
    let loaded = stackfile::load(&[stackfile::Input::stdin(text)], &stackfile::Options::default()).unwrap();
    Settings::read(&stackfile::convert(&loaded.stack, "shop").unwrap())
}

fn checks(section: &str) -> Result<Vec<Check>, Vec<Diagnostic>> {
    let services = "services: { api: { image: 'api:1' } }";
    read(&format!("{services}\nx-tidegate:\n  checks:\n{section}")).map(|settings| settings.checks)
}

#[test]
fn each_kind_is_read() {
    let read = checks(
        "    web: { http: 'https://shop.test/health', status: [200, 204], body: fine, json: { /a/0: true }, timeout: 5s }
    port: { tcp: '127.0.0.1:80', interval: 200ms }
    smoke: { command: [smoke, --fast], service: api }
    shell: { command: smoke | grep ok, service: api }
",
    )
    .unwrap();
    let [web, port, smoke, shell] = &read[..] else { panic!("{read:?}") };
    let CheckKind::Http(http) = &web.kind else { panic!("{web:?}") };
    assert_eq!(
        (http.url.to_string().as_str(), &http.status[..]),
        ("https://shop.test/health", &[200, 204][..])
    );
    assert_eq!(http.body.as_deref(), Some("fine"));
    assert_eq!(http.json, [("/a/0".to_owned(), json!(true))]);
    assert_eq!((web.timeout, web.interval), (Duration::from_secs(5), INTERVAL));
    assert_eq!(port.kind, CheckKind::Tcp { address: "127.0.0.1:80".into() });
    assert_eq!((port.timeout, port.interval), (TIMEOUT, Duration::from_millis(200)));
    let command = |check: &Check| match &check.kind {
        CheckKind::Command { service, command } if service == "api" => command.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(command(smoke), ["smoke", "--fast"]);
    assert_eq!(command(shell), ["/bin/sh", "-c", "smoke | grep ok"]);
}

#[test]
fn labels_are_checks_too() {
    let text = "services:
  api:
    image: api:1
    deploy: { labels: { tidegate.check.http: 'http://a/', tidegate.check.tcp: 'a:1', tidegate.check.command: smoke } }
";
    let checks = read(text).unwrap().checks;
    let mut names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["api.command", "api.http", "api.tcp"]);
    let problems = read(&text.replace("http://a/", "a")).unwrap_err();
    assert!(problems[0].message.contains("label tidegate.check.http of service `api` does not begin with"));
    assert!(read(&text.replace("check.tcp", "check.udp")).is_err());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (section, message, line) in [
        ("    web: { }\n", "checks.web does not have exactly one of", 4),
        ("    web:\n", "checks.web is empty", 4),
        ("    we.b: { tcp: 'a:1' }\n", "is not a usable name", 4),
        ("    web: { http: 'http://a', tcp: 'a:1' }\n", "checks.web does not have exactly one of", 4),
        ("    web:\n      http: shop.test\n", "checks.web.http does not begin with http://", 5),
        ("    web:\n      http: 'http://a'\n      status: ok\n", "checks.web.status is not a status", 6),
        (
            "    web:\n      http: 'http://a'\n      json: [a]\n",
            "checks.web.json is not a map of JSON pointers",
            6,
        ),
        ("    web:\n      http: 'http://a'\n      body: 3\n", "checks.web.body is not a text", 6),
        ("    web:\n      tcp: a\n", "checks.web.tcp is not HOST:PORT", 5),
        ("    web:\n      tcp: a:1\n      body: x\n", "checks.web.body means nothing beside `tcp`", 6),
        ("    web:\n      tcp: a:1\n      timeout: soon\n", "checks.web.timeout is not a duration", 6),
        ("    web:\n      command: [a]\n", "checks.web does not say in which service", 4),
        ("    web:\n      command: [a]\n      service: x\n", "checks.web.service is not a service", 6),
        ("    web:\n      command: []\n      service: api\n", "checks.web.command is not a command", 5),
        ("    web:\n      tcp: a:1\n      port: 3\n", "checks.web.port is not a setting", 6),
    ] {
        let problems = checks(section).unwrap_err();
        assert_eq!(problems.len(), 1, "{section}: {problems:#?}");
        let problem = &problems[0];
        assert!(problem.message.contains(message), "{section}: {}", problem.message);
        assert_eq!(problem.place.as_ref().map(diagnostics::Place::line), Some(line), "{section}");
        assert!(problem.help.is_some(), "{section}");
    }
}

#[test]
fn a_url_with_a_password_is_not_shown() {
    let problems = checks("    web: { http: 'http://ada:hunter2@a/' }\n").unwrap_err();
    let shown = problems[0].render(diagnostics::Style::Plain);
    assert!(shown.contains("carries a user or a password") && !shown.contains("hunter2"), "{shown}");
    let text = "services:
  api: { image: 'api:1', deploy: { labels: { tidegate.check.http: 'http://ada:hunter2@a/' } } }
";
    let shown = read(text).unwrap_err()[0].render(diagnostics::Style::Plain);
    assert!(shown.contains("api") && !shown.contains("hunter2"), "{shown}");
}
