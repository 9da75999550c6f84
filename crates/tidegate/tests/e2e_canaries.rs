//! A secret of its own in every place where a stack can have one, and each way to use Tidegate on a real engine. None of the
//! secrets is in any output, plan file, record, argument or file left behind. What prints them on purpose is the stack itself: its
//! gate, its services, its healthcheck, and the engine that cannot mount a volume.
//!
//! That no output holds one is looked for by [`testbed::command`], which knows every [`Canary`].

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testbed::canary::Canary;
use testbed::command::{self, Finished};
use testbed::engine::Engine;
use testbed::processes::Sampler;
use testbed::stack::{DEPLOY_LIMIT, Stack};

/// Says all it knows: its environment, its arguments and its secrets.
const TELL: &str = "set; echo \"$0 $*\"; \
                    for file in /run/secrets/*; do while read -r line; do echo \"it reads $line\"; done < $file; done; \
                    sleep 0.3; exit \"$ENDS\"";

/// The stack: `{api}` is what the releases differ in.
const STACK: &str = r"version: '3.8'
x-tidegate:
  gate: { service: gate, timeout: 60s }
{checks}
services:
  gate:
    image: canaries.test:1/tell:1
    env_file: gate.env
    environment:
      ENDS: '${GATE_ENDS}'
      DATABASE_URL: 'postgresql://app:${IN_URL_ENCODED}@db.test/app'
      PGPASSWORD: ${PGPASSWORD}
      ADMIN_PASSWORD: literal-{literal}
    secrets: [of_file, of_environment]
    deploy: { restart_policy: { condition: none }, labels: { tidegate.gate: 'true' } }
  api:
    image: canaries.test:1/tell:1
    stop_signal: SIGKILL
    networks: [wire]
    environment:
      API_TOKEN: ${API_TOKEN}
      FROM_ENV_FILE_SECRET: ${FROM_ENV_FILE}
    secrets: [of_file, of_environment, of_json]
    configs: [settings]
    command: ['/bin/sh', '-c', 'sleep 100000; true', serve, '--auth-token={argument}', --signing-key, '{flag}']
    deploy:
      labels: { app.token: '{label}' }
      update_config: { monitor: 1s }
      restart_policy: { delay: 200ms }
{api}
  logger:
    image: canaries.test:1/quiet:1
    stop_signal: SIGKILL
    networks: [wire]
    depends_on: [gate]
    logging:
      driver: splunk
      options: { splunk-url: 'http://127.0.0.1:1', splunk-verify-connection: 'false', splunk-token: '{driver}' }
{more}
networks:
  wire:
    driver_opts: { encryption-key: '{network}' }
    ipam: { config: [{ subnet: '${FRONT_SUBNET}' }] }
secrets:
  of_file: { file: ./secret.txt }
  of_environment: { environment: OF_ENVIRONMENT }
  of_json: { file: ./secret.json }
configs:
  settings: { file: ./settings.conf }
";

/// Where a secret is, and the secret.
struct Planted(BTreeMap<&'static str, Canary>);

impl Planted {
    fn new() -> Self {
        let number = std::process::id();
        let places = [
            "literal",
            "api_token",
            "pgpassword",
            "env_file",
            "dot_env",
            "of_file",
            "of_environment",
            "of_json",
            "of_config",
            "config_auth",
            "network",
            "driver",
            "label",
            "argument",
            "flag",
            "mount",
            "query",
            "host",
            "tls",
        ];
        let mut planted: BTreeMap<&str, Canary> = places
            .iter()
            .map(|place| (*place, Canary::new(format!("canary-{}-{number}", place.replace('_', "-")))))
            .collect();
        // One that an address has in another form than a variable has.
        planted.insert("in_url", Canary::new(format!("canary@url/%{number}")));
        Self(planted)
    }

    fn text(&self, place: &str) -> &str {
        self.0[place].text()
    }
}

/// What a run is done with.
struct Runs<'a> {
    stack: Stack<'a>,
    planted: Planted,
    home: tempfile::TempDir,
    temporary: tempfile::TempDir,
}

impl<'a> Runs<'a> {
    fn new(engine: &'a Engine) -> Self {
        let planted = Planted::new();
        let mut stack = Stack::new(engine, "canaries");
        let number = std::process::id();
        let encoded = format!("canary%40url%2F%25{number}");
        for (name, value) in [
            ("API_TOKEN", planted.text("api_token")),
            ("PGPASSWORD", planted.text("pgpassword")),
            ("OF_ENVIRONMENT", planted.text("of_environment")),
            ("IN_URL_ENCODED", &encoded),
            ("GATE_ENDS", "0"),
        ] {
            stack.environment.insert(name.to_owned(), value.to_owned());
        }
        stack.file("gate.env", &format!("GATE_API_KEY={}\n", planted.text("env_file")));
        stack.file("variables.env", &format!("FROM_ENV_FILE={}\n", planted.text("dot_env")));
        stack.file("secret.txt", &format!("{}\n", planted.text("of_file")));
        stack.file("secret.json", &format!(r#"{{"db": {{"password": "{}"}}}}"#, planted.text("of_json")));
        stack.file("settings.conf", &format!("[smtp]\nsmtp_password = {}\n", planted.text("of_config")));
        let home = tempfile::tempdir().unwrap();
        let pair = STANDARD.encode(format!("robot:{}", planted.text("config_auth")));
        let config = format!(r#"{{"auths": {{"canaries.test:1": {{"auth": "{pair}"}}}}}}"#);
        fs::create_dir(home.path().join(".docker")).unwrap();
        fs::write(home.path().join(".docker/config.json"), config).unwrap();
        Self { stack, planted, home, temporary: tempfile::tempdir().unwrap() }
    }

    fn file(&self, api: &str, more: &str, checks: &str) -> PathBuf {
        let mut text = STACK.replace("{api}", api).replace("{more}", more).replace("{checks}", checks);
        for place in ["literal", "network", "driver", "label", "argument", "flag", "mount", "query"] {
            text = text.replace(&format!("{{{place}}}"), self.planted.text(place));
        }
        self.stack.file("stack.yml", &text)
    }

    fn tidegate(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.env("DOCKER_HOST", self.stack.engine.host()).envs(&self.stack.environment);
        command
            .env("HOME", self.home.path())
            .env("TMPDIR", self.temporary.path())
            .env_remove("GITHUB_ACTIONS");
        command.args(words);
        command
    }

    /// A command on the stack as these files have it.
    fn with_files(&self, words: &[&str], file: &Path, flags: &[&str]) -> Finished {
        let mut command = self.tidegate(words);
        command.arg("--env-file").arg(file.with_file_name("variables.env")).arg("-c").arg(file).args(flags);
        if !matches!(words, ["stack", "config"] | ["check", ..]) {
            command.arg(&self.stack.name);
        }
        let ended = command::run(&mut command, DEPLOY_LIMIT);
        self.search_records();
        ended
    }

    fn deploy(&self, file: &Path, flags: &[&str]) -> Finished {
        self.with_files(&["deploy", "--with-registry-auth"], file, flags)
    }

    fn about(&self, words: &[&str]) -> Finished {
        command::run(&mut self.tidegate(words), DEPLOY_LIMIT)
    }

    /// Every config that Tidegate keeps: names, labels and data.
    fn search_records(&self) {
        let engine = self.stack.engine;
        let records =
            engine.docker(["config", "ls", "-q", "--filter", "name=tidegate."]).expect_success().stdout;
        for id in records.lines() {
            let record = engine.docker(["config", "inspect", id]).stdout;
            let data =
                engine.docker(["config", "inspect", "--format", "{{printf \"%s\" .Spec.Data}}", id]).stdout;
            for canary in Canary::planted() {
                canary.assert_absent("a record", &record);
                canary.assert_absent("a record's data", &data);
            }
        }
    }
}

#[test]
fn no_secret_is_in_anything_that_tidegate_says_or_keeps() {
    let engine = Engine::start();
    engine.import_scripts([("canaries.test:1/tell:1", TELL), ("canaries.test:1/quiet:1", "sleep 100000")]);
    let mut runs = Runs::new(&engine);
    let sampler = Sampler::start(Canary::planted(), "tidegate");
    let good = runs.file("", "", "");
    // These two are asked for everything, and say it: the secrets really are where this test believes.
    let config = runs.with_files(&["stack", "config"], &good, &[]).expect_success();
    let requests = runs.with_files(&["stack", "requests"], &good, &[]).expect_success();
    for place in
        ["literal", "api_token", "pgpassword", "dot_env", "network", "driver", "label", "argument", "in_url"]
    {
        assert!(runs.planted.0[place].found_in(&config.stdout).is_some(), "{place}:\n{}", config.text());
    }
    for place in ["env_file", "of_config"] {
        assert!(runs.planted.0[place].found_in(&requests.stdout).is_some(), "{place}:\n{}", requests.text());
    }
    // But for the contents of secrets, of which it shows digests.
    for place in ["of_file", "of_environment", "of_json"] {
        runs.planted.0[place].assert_absent("the requests", &requests.text());
    }

    for flags in [&[][..], &["--output", "json"], &["--output", "github"], &["--output", "sarif"]] {
        runs.with_files(&["check"], &good, flags);
    }
    plans(&runs, &good);
    let first = runs.deploy(&good, &[]).expect_success();
    // The gate told all it knows, and that was shown.
    assert!(first.stdout.contains("gate | ADMIN_PASSWORD='***'"), "{}", first.text());
    assert!(first.stdout.contains("gate | it reads ***"), "{}", first.text());
    runs.deploy(&good, &["--output", "json"]).expect_success();

    failures(&mut runs);
    plans(&runs, &runs.file("", "", ""));
    refused_files(&runs);
    addresses(&runs);
    let stack = runs.stack.name.clone();
    for output in ["text", "json"] {
        for words in [
            &["releases", &stack][..],
            &["releases", "show", &stack, "2"],
            &["releases", "diff", &stack, "1", "1"],
            &["rollback", &stack, "1", "--dry-run"],
            &["status", &stack],
            &["lease", "show", &stack],
        ] {
            runs.about(&[&["--output", output], words].concat());
        }
    }
    runs.about(&["rm", &stack]).expect_success();
    nothing_is_left(&runs);

    let seen = sampler.stop();
    assert!(seen.looks > 50, "{seen:?}");
    // What the stack file gives a service as arguments, its process has as arguments: that is the service's own.
    let own = ["argument", "flag"].map(|place| runs.planted.text(place).to_owned());
    let found: Vec<_> =
        seen.found.iter().filter(|(program, secret, _)| program != "sh" || !own.contains(secret)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// What is said before anything is done.
fn plans(runs: &Runs, file: &Path) {
    let out = runs.home.path().join("plan.json");
    let flags = ["--out", out.to_str().unwrap(), "--with-registry-auth"];
    runs.with_files(&["plan"], file, &flags).expect_success();
    runs.with_files(&["plan"], file, &["--output", "json"]).expect_success();
    for output in ["text", "json"] {
        runs.with_files(&["rehearse", "--without-database"], file, &["--output", output]);
    }
    let plan = fs::read_to_string(&out).unwrap();
    for canary in Canary::planted() {
        canary.assert_absent("a plan file", &plan);
    }
}

/// Releases that fail, each in another way, and say why.
fn failures(runs: &mut Runs) {
    let github = |runs: &Runs, file: &Path| {
        let mut command = runs.tidegate(&["deploy", "--env-file"]);
        command.arg(file.with_file_name("variables.env")).arg("-c").arg(file).arg(&runs.stack.name);
        command::run(command.env("GITHUB_ACTIONS", "true"), DEPLOY_LIMIT)
    };
    // The gate fails with all it knows in its log.
    runs.stack.environment.insert("GATE_ENDS".to_owned(), "3".to_owned());
    let file = runs.file("", "", "");
    let refused = runs.deploy(&file, &[]).expect_code(6);
    assert!(refused.stderr.contains("it reads ***"), "{}", refused.text());
    runs.deploy(&file, &["--output", "json"]).expect_code(6);
    github(runs, &file).expect_code(6);
    runs.stack.environment.insert("GATE_ENDS".to_owned(), "0".to_owned());

    // A service crashes with all it knows in its log.
    let crashing = "  crash: { image: 'canaries.test:1/tell:1', networks: [wire], depends_on: [gate], secrets: [of_json],
      environment: { ENDS: '7', CRASH_TOKEN: '${API_TOKEN}' }, deploy: { restart_policy: { delay: 200ms } } }";
    let file = runs.file("", crashing, "");
    let crashed = runs.deploy(&file, &[]).expect_code(7);
    assert!(crashed.stderr.contains("| CRASH_TOKEN='***'"), "{}", crashed.text());
    github(runs, &file).expect_code(7);

    // A healthcheck says it, which becomes part of the reason and of the record.
    let health =
        "    healthcheck: { test: 'echo no entry with $$API_TOKEN; exit 4', interval: 500ms, retries: 2 }";
    let unhealthy = runs.deploy(&runs.file(health, "", ""), &[]).expect_code(7);
    assert!(unhealthy.stderr.contains("no entry with ***"), "{}", unhealthy.text());

    // The engine says it: it cannot mount the volume, or cannot start the program.
    let volume = "  mounts: { image: 'canaries.test:1/quiet:1', networks: [wire], depends_on: [gate],
      volumes: [{ type: volume, source: share, target: /share }] }
volumes:
  share: { driver: local, driver_opts: { type: cifs, device: '//127.0.0.1/x', o: 'addr=127.0.0.1,username=x,password={mount}' } }";
    runs.deploy(&runs.file("", volume, ""), &["--timeout", "15s"]).expect_code(7);
    let program = "  gone: { image: 'canaries.test:1/quiet:1', networks: [wire], depends_on: [gate],
      command: ['/no/program', '--token={flag}'] }";
    runs.deploy(&runs.file("", program, ""), &["--timeout", "15s"]).expect_code(7);

    // Checks: an address with a secret in its query, and a command that prints one.
    let checks = "  checks:
    page: { http: 'http://127.0.0.1:1/?token={query}', timeout: 2s }
    smoke: { command: 'echo $$API_TOKEN; exit 1', service: api, timeout: 5s }";
    let missed = runs.deploy(&runs.file("    hostname: other", "", checks), &[]).expect_code(7);
    assert!(missed.stderr.contains("http://127.0.0.1:1/?..."), "{}", missed.text());
}

/// Files that are refused: the message shows the line, and not the secret in it.
fn refused_files(runs: &Runs) {
    let secret = Canary::new("canary-in-a-refused-file");
    let text = secret.text();
    for refused in [
        format!("services:\n  api: {{ image: a, environment: {{ DB_PASSWORD: [{text}] }} }}\n"),
        format!("services:\n  api:\n    image: a\n    environment:\n      DB_PASSWORD: \"{text}\n"),
        format!("services:\n  api:\n    image: a\n    environmnt: {{ DB_PASSWORD: {text} }}\n"),
        format!(
            "services: {{ api: {{ image: a }} }}\nx-tidegate: {{ checks: {{ a: {{ http: 'http://u:{text}@h/' }} }} }}\n"
        ),
    ] {
        let file = runs.stack.file("refused.yml", &refused);
        for output in ["text", "json"] {
            runs.with_files(&["deploy"], &file, &["--output", output]).expect_code(3);
        }
        runs.with_files(&["check"], &file, &[]);
    }
    let file = runs.stack.file("fine.yml", "services: { api: { image: a, env_file: service.env } }\n");
    for (name, content) in [
        ("variables.env", format!("A_TOKEN=\"{text}\n")),
        ("variables.env", format!("A_TOKEN=x\n{text}\n")),
        ("variables.env", format!("{text}+/==\n")),
        ("service.env", format!("A B={text}\n")),
        ("service.env", format!("{text} {text}=x\n")),
    ] {
        for file in ["variables.env", "service.env"] {
            runs.stack.file(file, if file == name { &content } else { "" });
        }
        let ended = runs.with_files(&["plan"], &file, &[]).expect_code(3);
        assert!(ended.stderr.contains(name), "{}", ended.text());
    }
}

/// Engines that cannot be reached, or are named in a way that is refused.
fn addresses(runs: &Runs) {
    let secret = runs.planted.text("host");
    let certificates = tempfile::tempdir().unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", runs.planted.text("tls"));
        fs::write(certificates.path().join(name), key).unwrap();
    }
    for host in [
        format!("tcp://robot:{secret}@127.0.0.1:1"),
        format!("https://{secret}@127.0.0.1/x"),
        format!("ssh://robot:{secret}@127.0.0.1"),
        format!("robot:{secret}@127.0.0.1:1"),
        "tcp://127.0.0.1:1".to_owned(),
    ] {
        for verify in ["", "1"] {
            let mut command = runs.tidegate(&["status", &runs.stack.name]);
            command.env("DOCKER_HOST", &host).env("DOCKER_TLS_VERIFY", verify);
            command.env("DOCKER_CERT_PATH", certificates.path());
            command::run(&mut command, DEPLOY_LIMIT).expect_code(4);
        }
    }
}

/// No file that Tidegate made is left.
fn nothing_is_left(runs: &Runs) {
    let left: Vec<_> =
        fs::read_dir(runs.temporary.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
