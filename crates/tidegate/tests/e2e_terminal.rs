//! Ctrl-C on a terminal, on a real engine: the first asks, each answer does what it says, the second leaves at once; and
//! the live lines leave the question alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use testbed::command;
use testbed::engine::Engine;
use testbed::stack::{DEPLOY_LIMIT, Stack};

const QUESTION: &str = "nothing new is begun. [r]oll back, [l]eave as it is, or [c]ontinue?";
const CTRL_C: &str = "\u{3}";

/// What a person at the terminal has seen.
#[derive(Debug, Deserialize)]
struct Seen {
    code: i32,
    missed: Option<String>,
    screens: Vec<String>,
    end: String,
}

/// Two services, the second after the first.
fn stack_file(stack: &Stack) -> [PathBuf; 1] {
    let service = |name: &str, needs: &str| {
        format!(
            "  {name}: {{image: 'sleeper:${{RELEASE}}', stop_grace_period: 0s, depends_on: [{needs}], \
             deploy: {{update_config: {{monitor: 2s}}}}}}\n"
        )
    };
    let services = [service("one", ""), service("two", "one")].concat();
    [stack.file("stack.yml", &format!("version: '3.8'\nservices:\n{services}"))]
}

fn deploy(stack: &Stack, release: &str) -> Command {
    let binary = env!("CARGO_BIN_EXE_tidegate").as_ref();
    stack.tidegate_deploy(binary, release, &stack_file(stack), &["--resolve-image", "never"])
}

/// The same on a terminal, where Ctrl-C is pressed in the middle of the first service's update, and then `steps` are done.
fn interrupted(stack: &Stack, release: &str, steps: &[Value]) -> Seen {
    let first = [json!(["sees", "one  converging"]), json!(["types", CTRL_C]), json!(["sees", QUESTION])];
    let steps = json!(first.iter().chain(steps).collect::<Vec<_>>());
    let asked = deploy(stack, release);
    let mut terminal = Command::new("python3");
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/terminal.py");
    terminal.arg(driver).arg(steps.to_string()).arg(asked.get_program()).args(asked.get_args());
    terminal.envs(asked.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.env("TERM", "xterm").env_remove("GITHUB_ACTIONS").env_remove("NO_COLOR");
    let ended = command::run(&mut terminal, DEPLOY_LIMIT).expect_success();
    let seen: Seen = serde_json::from_str(&ended.stdout).expect("the driver writes JSON");
    assert_eq!(seen.missed, None, "{}", seen.end);
    seen
}

fn releases(stack: &Stack) -> BTreeSet<String> {
    stack.images().values().map(|image| image.rsplit(':').next().unwrap_or_default().to_owned()).collect()
}

fn only(release: &str) -> BTreeSet<String> {
    BTreeSet::from([release.to_owned()])
}

#[test]
fn the_first_ctrl_c_asks_and_the_second_leaves_at_once() {
    let engine = Engine::start();
    engine.build_sleeper(&["sleeper:1", "sleeper:2"]);
    let stack = Stack::new(&engine, "terminal");
    command::run(&mut deploy(&stack, "1"), DEPLOY_LIMIT).expect_success();

    // Nothing is drawn over the question while it stands, and what is no answer is asked again.
    let steps = [
        json!(["looks", 0.2]),
        json!(["looks", 1]),
        json!(["types", "what?\n"]),
        json!(["sees", "write r, l or c"]),
        json!(["types", "r\n"]),
    ];
    let back = interrupted(&stack, "2", &steps);
    assert!(back.screens[0].ends_with(QUESTION), "{}", back.screens[0]);
    assert_eq!(back.screens[0], back.screens[1]);
    assert_eq!(back.code, 12, "{}", back.end);
    for words in [QUESTION, "SIGINT: putting everything back as it was; once more leaves at once"] {
        assert_eq!(back.end.matches(words).count(), 1, "{words}: {}", back.end);
    }
    assert!(back.end.contains("release 2 was stopped and put back"), "{}", back.end);
    assert_eq!(releases(&stack), only("1"));

    let left = interrupted(&stack, "2", &[json!(["types", "l\n"])]);
    assert_eq!(left.code, 12, "{}", left.end);
    assert!(left.end.contains("release 3 was stopped where it was"), "{}", left.end);
    assert_eq!(releases(&stack).len(), 2, "{:?}", stack.images());
    let continued = command::run(&mut deploy(&stack, "2"), DEPLOY_LIMIT).expect_success();
    assert!(continued.stdout.contains("runs release 3"), "{}", continued.text());
    assert_eq!(releases(&stack), only("2"));

    let at_once = interrupted(&stack, "1", &[json!(["types", CTRL_C])]);
    assert_eq!(at_once.code, 12, "{}", at_once.end);
    assert!(at_once.end.contains("the stack may be between two releases"), "{}", at_once.end);
    let on = command::run(&mut deploy(&stack, "1"), DEPLOY_LIMIT).expect_success();
    assert!(on.stdout.contains("runs release 4"), "{}", on.text());

    let went_on = interrupted(&stack, "2", &[json!(["types", "c\n"])]);
    assert_eq!(went_on.code, 0, "{}", went_on.end);
    assert!(went_on.end.contains("runs release 5"), "{}", went_on.end);
    assert_eq!(releases(&stack), only("2"));
}
