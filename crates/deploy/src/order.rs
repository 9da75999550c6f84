//! Which service is the gate, what comes before it and what waits for it. Pure.
//!
//! Order comes from Compose's own `depends_on`. Where a file says nothing, it is inferred, and each inference is a
//! sentence that `plan` prints. A service that the gate does not need always waits for the gate: so a failed gate
//! means that no application service was touched (invariant 2).

use std::collections::{BTreeMap, BTreeSet};

/// What the order needs to know of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// The service's name in the stack file.
    pub name: String,
    /// The image, as the stack file says it.
    pub image: String,
    /// Labelled `tidegate.gate: "true"`.
    pub labelled_gate: bool,
    /// Entrypoint and command, together.
    pub command: Vec<String>,
    /// A one-shot: `restart_policy.condition` is `none` or `on-failure`.
    pub one_shot: bool,
    /// The services it waits for.
    pub depends_on: Vec<Need>,
}

/// One entry of `depends_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The service that comes first.
    pub service: String,
    /// Whether it has to run to its end (`service_completed_successfully`).
    pub completed: bool,
}

/// The order of a stack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Order {
    /// The services in waves: a wave starts when everything in the waves before it has converged. A gate has a
    /// wave of its own kind: nothing else is in it.
    pub waves: Vec<Wave>,
    /// Why this order: what was declared, and what was inferred from what.
    pub reasons: Vec<String>,
    /// What in the file has no effect.
    pub warnings: Vec<String>,
}

/// Services that may go together.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Wave {
    /// Whether these are gates: run to their end, not updated.
    pub gate: bool,
    /// The services' names in the stack file, sorted.
    pub services: Vec<String>,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    /// Services wait for each other.
    #[error("services wait for each other in a circle: {}", path.join(" -> "))]
    Cycle {
        /// The circle, its first service repeated at the end.
        path: Vec<String>,
    },
    /// `x-tidegate.gate.service` names no service.
    #[error("x-tidegate.gate.service names `{name}`, which is not a service of this stack")]
    UnknownGate {
        /// The name.
        name: String,
    },
}

/// Puts services in order. `configured_gate` is `x-tidegate.gate.service`.
pub(crate) fn order(nodes: &[Node], configured_gate: Option<&str>) -> Result<Order, OrderError> {
    let mut sorter = Sorter::new(nodes);
    if let Some(name) = configured_gate.filter(|name| !sorter.nodes.contains_key(name)) {
        return Err(OrderError::UnknownGate { name: name.to_owned() });
    }
    sorter.find_gates(configured_gate);
    sorter.tell_declared();
    sorter.cycle()?;
    if !sorter.gates.is_empty() {
        sorter.place_backing();
        sorter.place_the_rest();
        sorter.cycle()?;
    }
    Ok(sorter.finish())
}

struct Sorter<'a> {
    nodes: BTreeMap<&'a str, &'a Node>,
    /// service -> the services that come before it
    before: BTreeMap<&'a str, BTreeSet<&'a str>>,
    gates: BTreeSet<&'a str>,
    reasons: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Sorter<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let by_name: BTreeMap<_, _> = nodes.iter().map(|node| (node.name.as_str(), node)).collect();
        let mut warnings = Vec::new();
        let mut before: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for node in nodes {
            let needs = before.entry(&node.name).or_default();
            for need in &node.depends_on {
                if by_name.contains_key(need.service.as_str()) {
                    needs.insert(&need.service);
                } else {
                    warnings.push(format!(
                        "`{}` depends on `{}`, which is not a service of this stack: the entry has no effect",
                        node.name, need.service
                    ));
                }
            }
        }
        Self { nodes: by_name, before, gates: BTreeSet::new(), reasons: Vec::new(), warnings }
    }

    fn find_gates(&mut self, configured: Option<&str>) {
        for (&name, node) in &self.nodes {
            let waited_for = self
                .nodes
                .values()
                .find(|other| other.depends_on.iter().any(|need| need.completed && need.service == name));
            let reason = if configured == Some(name) {
                "x-tidegate.gate.service names it".to_owned()
            } else if node.labelled_gate {
                "its label tidegate.gate says so".to_owned()
            } else if let Some(other) = waited_for {
                format!("`{}` waits for it to complete successfully", other.name)
            } else if runs_tidegate_migrate(&node.command) {
                "its command is `tidegate migrate`".to_owned()
            } else if node.one_shot && runs_alembic(&node.command) {
                "it is a one-shot whose command upgrades the database".to_owned()
            } else {
                continue;
            };
            self.gates.insert(name);
            self.reasons.push(format!("`{name}` is a gate: {reason}"));
        }
    }

    /// What the file itself says, a sentence for those that wait for the same.
    fn tell_declared(&mut self) {
        let mut waiting: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for (name, needs) in self.before.iter().filter(|(_, needs)| !needs.is_empty()) {
            waiting.entry(needs.iter().copied().collect()).or_default().push(name);
        }
        let list = |names: &[&str]| format!("`{}`", names.join("`, `"));
        self.reasons.extend(waiting.iter().map(|(needs, names)| {
            let wait = if names.len() == 1 { "waits" } else { "wait" };
            format!("{} {wait} for {}: depends_on says so", list(names), list(needs))
        }));
    }

    /// Where the gate itself says nothing: a service of another image comes first, unless it waits, through
    /// whatever it depends on, for the gate or for a service of the gate's image.
    fn place_backing(&mut self) {
        for gate in self.gates.clone() {
            if self.before.get(gate).is_some_and(|needs| !needs.is_empty()) {
                continue;
            }
            let repository = repository(&self.nodes[gate].image);
            let backing: Vec<&str> = self
                .nodes
                .keys()
                .copied()
                .filter(|name| !self.gates.contains(name))
                .filter(|name| {
                    let mut chain = self.closure(name);
                    chain.insert(name);
                    chain.iter().all(|link| {
                        !self.gates.contains(link) && self::repository(&self.nodes[link].image) != repository
                    })
                })
                .collect();
            for name in backing {
                self.before.entry(gate).or_default().insert(name);
                self.reasons.push(format!(
                    "`{name}` comes before the gate `{gate}`: it runs another image, and waits for nothing of the gate's"
                ));
            }
        }
    }

    fn place_the_rest(&mut self) {
        let names: Vec<&str> = self.nodes.keys().copied().filter(|name| !self.gates.contains(name)).collect();
        for name in names {
            let declared = self.closure(name).iter().any(|link| self.gates.contains(link));
            let mut waits = Vec::new();
            for gate in self.gates.clone() {
                // What one gate needs may still have to wait for another.
                if !self.closure(gate).contains(name) {
                    self.before.entry(name).or_default().insert(gate);
                    waits.push(format!("`{gate}`"));
                }
            }
            if !declared && !waits.is_empty() {
                self.reasons.push(format!(
                    "`{name}` waits for the gate {}: the gate does not need it",
                    waits.join(", ")
                ));
            }
        }
    }

    /// Everything that comes before a service.
    fn closure(&self, name: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<&str> = self.before.get(name).into_iter().flatten().copied().collect();
        while let Some(next) = stack.pop() {
            if seen.insert(next) {
                stack.extend(self.before.get(next).into_iter().flatten());
            }
        }
        seen
    }

    fn cycle(&self) -> Result<(), OrderError> {
        for &start in self.nodes.keys() {
            if self.closure(start).contains(start) {
                return Err(OrderError::Cycle { path: self.circle(start) });
            }
        }
        Ok(())
    }

    /// The way from a service back to itself, which exists. Each step goes to a service from which the start can
    /// still be reached, and which was not passed yet.
    fn circle(&self, start: &str) -> Vec<String> {
        let mut path = vec![start.to_owned()];
        let mut at = start;
        loop {
            let next = self.before.get(at).into_iter().flatten().copied().find(|&next| {
                next == start
                    || (!path.iter().any(|passed| passed == next) && self.closure(next).contains(start))
            });
            match next {
                Some(next) if next != start => {
                    path.push(next.to_owned());
                    at = next;
                }
                _ => {
                    path.push(start.to_owned());
                    return path;
                }
            }
        }
    }

    fn finish(self) -> Order {
        let mut level: BTreeMap<&str, usize> = BTreeMap::new();
        while level.len() < self.nodes.len() {
            for &name in self.nodes.keys() {
                let needs = self.before.get(name).into_iter().flatten();
                let depth: Option<usize> = needs
                    .map(|need| level.get(need).map(|depth| depth + 1))
                    .try_fold(0, |max, d| Some(max.max(d?)));
                if let Some(depth) = depth {
                    level.insert(name, depth);
                }
            }
        }
        let mut waves: BTreeMap<(usize, bool), Vec<String>> = BTreeMap::new();
        for (name, depth) in level {
            // At one depth the gates go first.
            waves.entry((depth, !self.gates.contains(name))).or_default().push(name.to_owned());
        }
        let waves =
            waves.into_iter().map(|((_, ordinary), services)| Wave { gate: !ordinary, services }).collect();
        Order { waves, reasons: self.reasons, warnings: self.warnings }
    }
}

/// The command without its path, as words.
fn words(command: &[String]) -> Vec<&str> {
    command
        .iter()
        .flat_map(|part| part.split_whitespace())
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect()
}

/// Whether a command runs `tidegate migrate`, directly or in a shell line.
pub fn runs_tidegate_migrate(command: &[String]) -> bool {
    words(command).windows(2).any(|pair| pair == ["tidegate", "migrate"])
}

fn runs_alembic(command: &[String]) -> bool {
    let words = words(command);
    let upgrades = words.contains(&"upgrade");
    upgrades && (words.contains(&"alembic") || words.windows(2).any(|pair| pair == ["db", "upgrade"]))
}

/// An image's name without tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        // A colon before the last slash belongs to a registry's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, Node, Order, OrderError, order};

    fn node(name: &str, image: &str) -> Node {
        Node { name: name.to_owned(), image: image.to_owned(), ..Node::default() }
    }

    fn needs(mut node: Node, services: &[&str]) -> Node {
        node.depends_on =
            services.iter().map(|s| Need { service: (*s).to_owned(), completed: false }).collect();
        node
    }

    fn waves(order: &Order) -> Vec<(bool, Vec<&str>)> {
        order
            .waves
            .iter()
            .map(|wave| (wave.gate, wave.services.iter().map(String::as_str).collect()))
            .collect()
    }

    fn founding() -> Vec<Node> {
        let mut migrate = node("migrate", "app:1");
        migrate.command = vec!["tidegate".into(), "migrate".into()];
        vec![
            node("postgres", "postgis:15"),
            node("redis", "redis"),
            migrate,
            node("api", "app:1"),
            node("worker", "app:1"),
            needs(node("proxy", "haproxy"), &["api"]),
        ]
    }

    #[test]
    fn without_depends_on_other_images_come_first_and_the_gates_image_waits() {
        let order = order(&founding(), None).unwrap();
        assert_eq!(
            waves(&order),
            [
                (false, vec!["postgres", "redis"]),
                (true, vec!["migrate"]),
                (false, vec!["api", "worker"]),
                (false, vec!["proxy"])
            ]
        );
        insta::assert_json_snapshot!(order.reasons);
    }

    #[test]
    fn a_gate_that_names_its_needs_is_taken_at_its_word() {
        let mut nodes = founding();
        nodes[2].depends_on = vec![Need { service: "postgres".into(), completed: false }];
        let order = order(&nodes, None).unwrap();
        assert_eq!(
            waves(&order),
            [
                (false, vec!["postgres"]),
                (true, vec!["migrate"]),
                (false, vec!["api", "redis", "worker"]),
                (false, vec!["proxy"])
            ]
        );
    }

    #[test]
    fn gates_are_found_by_label_condition_configuration_and_command() {
        let base = || vec![node("db", "pg"), node("init", "app"), node("api", "app")];
        let mut labelled = base();
        labelled[1].labelled_gate = true;
        let mut awaited = base();
        awaited[2].depends_on = vec![Need { service: "init".into(), completed: true }];
        let mut alembic = base();
        alembic[1].one_shot = true;
        alembic[1].command = vec!["sh".into(), "-c".into(), "sleep 5 && flask db upgrade".into()];
        let expected = [(false, vec!["db"]), (true, vec!["init"]), (false, vec!["api"])];
        assert_eq!(waves(&order(&labelled, None).unwrap()), expected);
        assert_eq!(waves(&order(&awaited, None).unwrap()), expected);
        assert_eq!(waves(&order(&alembic, None).unwrap()), expected);
        assert_eq!(waves(&order(&base(), Some("init")).unwrap()), expected);
        alembic[1].one_shot = false;
        assert_eq!(waves(&order(&alembic, None).unwrap()), [(false, vec!["api", "db", "init"])]);
    }

    #[test]
    fn what_one_gate_needs_still_waits_for_another() {
        let mut nodes = founding();
        let mut smoke = needs(node("smoke", "tester"), &["api"]);
        smoke.labelled_gate = true;
        nodes.push(smoke);
        assert_eq!(
            waves(&order(&nodes, None).unwrap()),
            [
                (false, vec!["postgres", "redis"]),
                (true, vec!["migrate"]),
                (false, vec!["api"]),
                (true, vec!["smoke"]),
                (false, vec!["proxy", "worker"]),
            ]
        );
    }

    #[test]
    fn circles_and_unknown_names_are_refused_with_their_names() {
        let nodes =
            [needs(node("a", "x"), &["b"]), needs(node("b", "x"), &["c"]), needs(node("c", "x"), &["b"])];
        let error = order(&nodes, None).unwrap_err();
        assert_eq!(error, OrderError::Cycle { path: vec!["b".into(), "c".into(), "b".into()] });
        assert!(matches!(order(&nodes[..0], Some("x")), Err(OrderError::UnknownGate { .. })));
        let unknown = order(&[needs(node("a", "x"), &["nobody"])], None).unwrap();
        assert_eq!(unknown.warnings.len(), 1);
    }
}
