//! Checks after convergence on a real engine: HTTP, HTTPS, TCP and a command let a release through, and each of them puts one
//! back.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use testbed::command::{self, Finished, Running, wait_for};
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

const LIMIT: Duration = Duration::from_secs(30);
const STATUS: &str = r#"{"state":"ready","parts":[{"up":true}]}"#;

/// Servers where the checks are made from: the engine's network namespace. They end with this value.
struct Servers {
    folder: tempfile::TempDir,
    running: Vec<Running>,
}

impl Servers {
    /// Plain HTTP at one port, and TLS for `localhost` at the next, whose authority is [`Servers::authority`].
    fn start(engine: &Engine, port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("status.json"), STATUS).expect("a file");
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(folder.path());
            command::run(&mut command, LIMIT).expect_success();
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
        openssl(&format!("req -x509 {key} -keyout ca-key.pem -out ca.pem -subj /CN=ca"));
        openssl(&format!(
            "req -x509 {key} -keyout key.pem -out cert.pem -subj /CN=server -CA ca.pem -CAkey ca-key.pem \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost"
        ));
        let plain = ["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()].map(str::to_owned);
        let secure =
            format!("s_server -quiet -WWW -cert cert.pem -key key.pem -accept 127.0.0.1:{}", port + 1);
        let start = |program: &str, arguments: Vec<String>| {
            Running::start(engine.inside(program).args(arguments).current_dir(folder.path()))
        };
        let running = vec![
            start("python3", plain.to_vec()),
            start("openssl", secure.split(' ').map(str::to_owned).collect()),
        ];
        wait_for("the server", LIMIT, || {
            (engine.get(&format!("http://127.0.0.1:{port}/status.json")).0 == 200).then_some(())
        });
        Self { folder, running }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // The script that enters the namespace becomes the server itself.
        self.running.iter_mut().for_each(Running::terminate);
    }
}

fn stack_file(release: u32, checks: &str) -> String {
    format!(
        "version: '3.8'
services:
  api:
    image: checks:app
    stop_signal: SIGKILL
    environment: {{ RELEASE: '{release}' }}
    secrets: [password]
    deploy: {{ update_config: {{ monitor: 500ms }} }}
networks: {{ default: {{ ipam: {{ config: [{{ subnet: '${{FRONT_SUBNET}}' }}] }} }} }}
secrets: {{ password: {{ file: ./password }} }}
x-tidegate:
  checks:
{checks}"
    )
}

/// `tidegate deploy` from where the servers are.
fn deploy(stack: &Stack, servers: &Servers, text: &str) -> Finished {
    let mut command = stack.engine.inside(env!("CARGO_BIN_EXE_tidegate"));
    stack.file("password", "canary");
    command
        .args(["deploy", "--resolve-image", "never", "-c"])
        .arg(stack.file("stack.yml", text))
        .arg(&stack.name);
    command.envs(&stack.environment).env("DOCKER_HOST", stack.engine.host()).env_remove("GITHUB_ACTIONS");
    command.env("SSL_CERT_FILE", servers.authority());
    command::run(&mut command, DEPLOY_LIMIT)
}

#[test]
fn checks_let_a_release_through_or_put_it_back() {
    let engine = Engine::start();
    engine.import_scripts([("checks:app", "sleep 100000")]);
    let stack = Stack::new(&engine, "checks");
    let port: u16 = stack.environment["API_PORT"].parse().expect("a port");
    let servers = Servers::start(&engine, port);
    let tls = port + 1;

    // What the command needs to see: the release's environment, and its secret.
    let command = "read password < /run/secrets/password; test \"$$RELEASE $$password\" = '1 canary'";
    let passing = format!(
        "    plain: {{ http: 'http://127.0.0.1:{port}/status.json', json: {{ /state: ready, /parts/0/up: true }} }}
    secure: {{ http: 'https://localhost:{tls}/status.json', body: ready }}
    listens: {{ tcp: '127.0.0.1:{port}' }}
    smoke: {{ command: \"{}\", service: api }}
",
        command.replace('"', "\\\"")
    );
    let passed = deploy(&stack, &servers, &stack_file(1, &passing)).expect_success();
    for check in ["plain", "secure", "listens", "smoke"] {
        assert!(passed.stdout.contains(&format!("check {check} passed")), "{}", passed.text());
    }
    assert!(passed.stdout.contains("runs release 1"), "{}", passed.text());

    let said = failure(&stack, &servers, port);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r":\d{5}", ":[port]");
    // Python's page for it differs between versions.
    settings.add_filter(r"404 `[^`]*`", "404 `[page]`");
    settings.bind(|| insta::assert_snapshot!("checks_that_fail", said));
}

/// Every way to fail, side by side, and what is said of it.
fn failure(stack: &Stack, servers: &Servers, port: u16) -> String {
    let (plain, tls, nobody) = (port, port + 1, port + 2);
    let checks = format!(
        "    status: {{ http: 'http://127.0.0.1:{plain}/gone', timeout: 8s, status: [200, 204] }}
    field: {{ http: 'http://127.0.0.1:{plain}/status.json', timeout: 8s, json: {{ /state: done }} }}
    another-name: {{ http: 'https://127.0.0.1:{tls}/', timeout: 8s }}
    nobody: {{ tcp: '127.0.0.1:{nobody}', timeout: 8s }}
    command: {{ command: [/bin/sh, -c, 'echo no such page; exit 5'], service: api, timeout: 30s, interval: 40s }}
"
    );
    let spec = || {
        let name = format!("{}_api", stack.name);
        stack
            .engine
            .docker(["service", "inspect", "--format", "{{json .Spec}}", &name])
            .expect_success()
            .stdout
    };
    let before = spec();
    let failed = deploy(stack, servers, &stack_file(2, &checks)).expect_code(7);
    assert_eq!(spec(), before, "{}", failed.text());
    let services = stack.list("service", "{{.Name}}");
    assert_eq!(services.trim(), format!("{}_api", stack.name), "a check's service is left");
    failed.stderr
}
