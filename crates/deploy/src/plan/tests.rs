//! Wanted, recorded, live: what the plan makes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::Source;
use serde_json::{Value, json};
use stackfile::{Desired, ServiceBody};

use super::{Action, OnDrift, Plan, PlanOptions, plan};
use crate::live::Live;
use crate::release::{Intent, Outcome, Release, Specs, State};
use crate::spec::{self, RELEASE_LABEL, SPEC_LABEL};
use crate::target::Target;

fn body(key: &str, image: &str) -> ServiceBody {
    let name = format!("shop_{key}");
    let mut container = json!({ "Image": image });
    if key == "migrate" {
        container["Args"] = json!(["tidegate", "migrate"]);
    }
    ServiceBody {
        key: key.to_owned(),
        body: json!({
            "Name": name,
            "Labels": { "com.docker.stack.image": image },
            "TaskTemplate": { "ContainerSpec": container, "Networks": [{ "Target": "shop_back" }] },
        }),
        name,
        image: image.to_owned(),
        depends_on: Vec::new(),
        depends_on_declared: false,
        place: Source::new("stack.yml", "").place(0..0),
    }
}

fn target(app: &str) -> Target {
    let services = vec![body("db", "postgis"), body("migrate", app), body("api", app)];
    let desired = Desired {
        namespace: "shop".to_owned(),
        networks: Vec::new(),
        external_networks: Vec::new(),
        secrets: Vec::new(),
        configs: Vec::new(),
        services,
        external_secrets: Vec::new(),
        external_configs: Vec::new(),
        warnings: Vec::new(),
        extension: None,
        extension_place: None,
        extension_places: BTreeMap::new(),
    };
    Target::new(desired, &BTreeMap::new()).unwrap()
}

/// The live specs after a target was deployed as a release: ids for names, defaults filled in.
fn deployed(target: &Target, number: u64) -> BTreeMap<String, Arc<Value>> {
    let services = target.services.values().filter(|wanted| !wanted.gate);
    services
        .map(|wanted| {
            let mut spec = wanted.body.clone();
            spec["TaskTemplate"]["Networks"][0]["Target"] = json!("network-id");
            spec["TaskTemplate"]["Runtime"] = json!("container");
            spec["EndpointSpec"] = json!({ "Mode": "vip" });
            spec::set_label(&mut spec, SPEC_LABEL, &wanted.digest);
            spec::set_label(&mut spec, RELEASE_LABEL, &number.to_string());
            (wanted.name.clone(), Arc::new(spec))
        })
        .collect()
}

fn release(number: u64, digest: &str, previous: Specs, outcome: Option<(State, Specs)>) -> Release {
    Release {
        intent: Arc::new(Intent {
            number,
            started_at: String::new(),
            who: String::new(),
            digest: digest.to_owned(),
            source: None,
            returns_to: None,
            creates: Vec::new(),
            previous,
            wanted: Specs::new(),
            networks: BTreeMap::new(),
        }),
        outcome: outcome.map(|(state, specs)| {
            Arc::new(Outcome {
                number,
                state,
                finished_at: String::new(),
                seconds: 0,
                message: String::new(),
                digest: digest.to_owned(),
                images: BTreeMap::new(),
                rows: None,
                applied: Vec::new(),
                specs,
                networks: BTreeMap::new(),
            })
        }),
        opened: true,
        configs: Vec::new(),
    }
}

fn some(services: &BTreeMap<String, Arc<Value>>) -> Specs {
    services.iter().map(|(name, spec)| (name.clone(), Some(spec.clone()))).collect()
}

/// A stack that runs `app` as release 1, recorded.
fn live(app: &str) -> Live {
    let target = target(app);
    let services = deployed(&target, 1);
    let first = release(1, &target.digest, Specs::new(), Some((State::Succeeded, some(&services))));
    Live {
        services,
        networks: BTreeMap::from([("network-id".to_owned(), "shop_back".to_owned())]),
        releases: vec![first],
        ..Live::default()
    }
}

fn change<'a>(live: &'a mut Live, name: &str) -> &'a mut Value {
    Arc::make_mut(live.services.get_mut(name).unwrap())
}

fn actions(plan: &Plan) -> Vec<(&str, &str)> {
    plan.waves
        .iter()
        .flat_map(|wave| &wave.services)
        .map(|service| {
            let action = match service.action {
                Action::Create => "create",
                Action::Update { .. } => "update",
                Action::Replace { .. } => "replace",
                Action::Unchanged => "unchanged",
                Action::Run => "run",
                Action::Skip => "skip",
            };
            (service.key.as_str(), action)
        })
        .collect()
}

#[test]
fn a_first_release_creates_everything_and_can_go_back_to_nothing() {
    let plan = plan(&target("app:1"), &Live::default(), PlanOptions::default());
    assert_eq!(actions(&plan), [("db", "create"), ("migrate", "run"), ("api", "create")]);
    assert_eq!((plan.number, plan.empty), (1, false));
    assert_eq!(plan.previous, Specs::from([("shop_api".into(), None), ("shop_db".into(), None)]));
}

#[test]
fn the_same_release_again_is_an_empty_plan() {
    let plan = plan(&target("app:1"), &live("app:1"), PlanOptions::default());
    assert_eq!(actions(&plan), [("db", "unchanged"), ("migrate", "skip"), ("api", "unchanged")]);
    assert!(plan.empty);
}

#[test]
fn only_what_differs_is_updated_and_the_gate_runs() {
    let plan = plan(&target("app:2"), &live("app:1"), PlanOptions::default());
    assert_eq!(actions(&plan), [("db", "unchanged"), ("migrate", "run"), ("api", "update")]);
    assert_eq!(plan.number, 2);
    insta::assert_json_snapshot!(plan.summary(&target("app:2")));
}

#[test]
fn a_foreign_change_is_seen_even_in_a_field_the_stack_file_does_not_set() {
    for edit in
        [("/Mode", json!({ "Replicated": { "Replicas": 5 } })), ("/EndpointSpec", json!({ "Mode": "dnsrr" }))]
    {
        let mut live = live("app:1");
        change(&mut live, "shop_db")[edit.0.trim_start_matches('/')] = edit.1;
        let plan = plan(&target("app:2"), &live, PlanOptions::default());
        assert_eq!(plan.foreign.len(), 1, "{}", edit.0);
        assert!(!plan.foreign[0].changes.is_empty());
        // Overwriting it is then an update, not "unchanged".
        let options = PlanOptions { on_drift: OnDrift::Overwrite, ..PlanOptions::default() };
        assert_eq!(actions(&super::plan(&target("app:2"), &live, options))[0], ("db", "update"));
    }
}

#[test]
fn a_release_that_was_put_back_leaves_the_one_before_it_in_force() {
    let mut live = live("app:1");
    let specs = some(&live.services);
    live.releases.push(release(2, "other", specs.clone(), Some((State::RolledBack, specs.clone()))));
    assert!(plan(&target("app:1"), &live, PlanOptions::default()).empty);
    live.releases.push(release(3, "other", specs.clone(), Some((State::Incomplete, specs.clone()))));
    assert!(!plan(&target("app:1"), &live, PlanOptions::default()).empty);
    // What could not be put back is not what a later release goes back to.
    change(&mut live, "shop_api")["Labels"]["tidegate.release"] = json!("3");
    assert_eq!(plan(&target("app:2"), &live, PlanOptions::default()).previous, specs);
}

#[test]
fn an_interrupted_release_is_continued_with_its_number_and_its_way_back() {
    let mut live = live("app:1");
    let (old, next) = (some(&live.services), target("app:2"));
    let mut interrupted = release(2, &next.digest, old.clone(), None);
    let wanted = next.services.values().map(|wanted| (wanted.name.clone(), Some(wanted.labelled().into())));
    Arc::make_mut(&mut interrupted.intent).wanted = wanted.collect();
    live.releases.push(interrupted);
    // It had come as far as the api.
    live.services.insert("shop_api".into(), deployed(&next, 2)["shop_api"].clone());
    let continued = plan(&next, &live, PlanOptions::default());
    assert_eq!((continued.number, continued.resumes), (2, true));
    assert_eq!(actions(&continued), [("db", "unchanged"), ("migrate", "run"), ("api", "unchanged")]);
    assert_eq!(continued.previous, old);
    assert!(continued.foreign.is_empty());
    // Another release takes over: it goes back to what was before the interrupted one, not to its half.
    let other = plan(&target("app:3"), &live, PlanOptions::default());
    assert_eq!((other.number, other.supersedes), (3, Some(2)));
    assert_eq!(other.previous, old);
    assert!(other.foreign.is_empty());
    // Somebody scaled the service that the interrupted release had written; its labels are still the release's.
    change(&mut live, "shop_api")["Mode"] = json!({ "Replicated": { "Replicas": 5 } });
    change(&mut live, "shop_api")["TaskTemplate"]["ContainerSpec"]["Image"] = json!("app:hotfix");
    assert_eq!(plan(&next, &live, PlanOptions::default()).foreign.len(), 1);
}

#[test]
fn what_somebody_added_to_what_an_interrupted_release_wrote_is_theirs() {
    let mut live = live("app:1");
    let next = target("app:2");
    let mut interrupted = release(2, &next.digest, some(&live.services), None);
    let wanted = next.services.values().map(|wanted| (wanted.name.clone(), Some(wanted.labelled().into())));
    Arc::make_mut(&mut interrupted.intent).wanted = wanted.collect();
    live.releases.push(interrupted);
    let written = Arc::clone(&deployed(&next, 2)["shop_api"]);
    live.before.insert("shop_api".into(), Arc::clone(&live.services["shop_api"]));
    live.services.insert("shop_api".into(), Arc::clone(&written));
    assert!(plan(&next, &live, PlanOptions::default()).foreign.is_empty());
    // The same once more changes nothing.
    live.before.insert("shop_api".into(), written);
    assert!(plan(&next, &live, PlanOptions::default()).foreign.is_empty());
    change(&mut live, "shop_api")["Labels"]["edited-by"] = json!("somebody else");
    assert_eq!(plan(&next, &live, PlanOptions::default()).foreign.len(), 1);
}

#[test]
fn services_that_the_file_no_longer_has_are_named_and_removed_only_when_asked() {
    let mut live = live("app:1");
    live.services.insert("shop_old".into(), json!({ "Name": "shop_old" }).into());
    let kept = plan(&target("app:1"), &live, PlanOptions::default());
    assert!(kept.empty && kept.warnings.iter().any(|warning| warning.contains("shop_old")));
    let pruned = plan(&target("app:1"), &live, PlanOptions { prune: true, ..PlanOptions::default() });
    assert_eq!(pruned.removes, ["shop_old"]);
    assert!(!pruned.empty);
}
