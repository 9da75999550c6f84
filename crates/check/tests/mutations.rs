//! Stack files with lines taken out, doubled, moved or replaced by what is hard to edit: a check ends, and a fix
//! changes nothing but what it may, and no secret is shown, whatever the file looks like.

use common::verify;
use diagnostics::{Diagnostic, Style};
use proptest::prelude::*;
use stackfile::{Input, Options};

mod common;

const STACK: &str = r"x-app: &app
  image: registry.example/app:1
  environment: { A: b }
x-deploy: &deploy
  replicas: 2
services:
  db:
    image: registry.example/db:1
    volumes: [data:/data]
    # tidegate: ignore no-subnet
    deploy:
      update_config: { order: start-first }
  migrate: &m
    <<: *app
    command: |
      # not a comment
      alembic upgrade head
    deploy:
      restart_policy: { condition: none }
      update_config:
        failure_action: rollback
        order: start-first
  api:
    <<: *app
    ports:
    - { target: 80, published: 80, mode: host }
    deploy:
      <<: *deploy
      update_config:
        order: start-first

  # of the worker
  worker:
    <<: *app
    deploy: *deploy
  beat: { image: registry.example/app:1, deploy: { replicas: 1 } }
networks:
  back: { ipam: { config: [{ subnet: 10.0.0.0/24 }] } }
volumes: { data: {} }
";

/// Lines that come in.
const LINES: &[&str] = &[
    "    <<: *m",
    "    deploy: {}",
    "    deploy:",
    "    deploy: # nothing yet",
    "      update_config: *deploy",
    "      update_config:",
    "        order: \"start-first\"",
    "        order: ${ORDER:-start-first}",
    "        parallelism: 0",
    "  extra: *m",
    "  \"quoted\": { image: x }",
    "    command: [alembic, upgrade, head]",
    "    # tidegate: ignore",
    "    environment: [DB_PASSWORD=canary]",
    "    environment: { DB_PASSWORD: canary, A: b }",
    "      DB_PASSWORD: \"canary, canary\"",
    "      - DB_PASSWORD=canary canary",
    "      DB_PASSWORD: |\n        canary\n\n        canary",
    "      URL: postgresql://app:canary@db/app",
    "",
    "  tail: &t { image: x, }",
];

#[derive(Clone, Debug)]
enum Change {
    Remove(usize),
    Double(usize),
    Swap(usize, usize),
    Insert(usize, usize),
    Indent(usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let line = 0..STACK.lines().count();
    let change = prop_oneof![
        line.clone().prop_map(Change::Remove),
        line.clone().prop_map(Change::Double),
        (line.clone(), line.clone()).prop_map(|(a, b)| Change::Swap(a, b)),
        (line.clone(), 0..LINES.len()).prop_map(|(at, line)| Change::Insert(at, line)),
        line.prop_map(Change::Indent),
    ];
    prop::collection::vec(change, 0..4)
}

fn changed(changes: &[Change]) -> String {
    let mut lines: Vec<String> = STACK.lines().map(str::to_owned).collect();
    for change in changes {
        let at = |at: usize| at % lines.len().max(1);
        match *change {
            _ if lines.is_empty() => {}
            Change::Remove(line) => drop(lines.remove(at(line))),
            Change::Double(line) => lines.insert(at(line), lines[at(line)].clone()),
            Change::Swap(a, b) => {
                let (a, b) = (at(a), at(b));
                lines.swap(a, b);
            }
            Change::Insert(line, new) => lines.insert(at(line), LINES[new].into()),
            Change::Indent(line) => {
                let line = at(line);
                lines[line].insert_str(0, "  ");
            }
        }
    }
    lines.join("\n")
}

/// What a person sees of diagnostics.
fn shown<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>) -> String {
    diagnostics.map(|diagnostic| diagnostic.render(Style::Plain)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_fix_does_more_than_it_may_and_no_secret_is_shown(changes in changes(), ends in any::<bool>()) {
        let mut text = changed(&changes);
        if ends {
            text.push('\n');
        }
        let inputs = [Input { name: "a.yml".into(), path: Some("a.yml".into()), text }];
        let options = Options { working_dir: "/stack".into(), ..Options::default() };
        let fixed = match check::fix(&inputs, &options) {
            Ok(fixed) => fixed,
            Err(errors) => {
                prop_assert!(!shown(errors.iter()).contains("canary"), "{}", shown(errors.iter()));
                return Ok(());
            }
        };
        let findings = fixed.applied.iter().chain(&fixed.left.findings);
        let text = shown(findings.map(|finding| &finding.diagnostic)) + &fixed.diff;
        prop_assert!(!text.contains("canary"), "{text}");
        // What does not convert has no requests to compare, and gets no fix.
        let convertible = stackfile::load(&inputs, &options)
            .is_ok_and(|loaded| stackfile::convert(&loaded.stack, "x").is_ok());
        if convertible {
            verify(&inputs[0].text, &inputs, &options, &fixed);
        } else {
            prop_assert!(fixed.applied.is_empty());
        }
    }
}
