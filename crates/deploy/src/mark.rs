//! The mark of a stack that is being recreated: a service without tasks that stands while the stack's own services are gone.
//! Pure.
//!
//! It says which release removes the stack, how far that has come, and what its gates reported, so that a deploy that is
//! killed there is continued without running them again. And it carries the key that seals the stack's records, which
//! otherwise would be gone with the last service.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::gate::{self, Crossed};
use crate::networks::NAMESPACE_LABEL;
use crate::spec::{self, GATE_LABEL, RELEASE_LABEL};

/// Service label: how far the removal has come.
const LABEL: &str = "tidegate.recreate";

/// How far a removal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// What there is goes: the stack that was, or, while it is put back, what the release has made.
    Removing,
    /// Everything was gone; what there is now is the release's.
    Creating,
}

/// The mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The release that removes the stack.
    pub number: u64,
    /// How far it has come.
    pub stage: Stage,
    /// What the last gate reported.
    pub crossed: Option<Crossed>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    stage: Stage,
    crossed: Option<Crossed>,
}

impl Mark {
    /// The full name of the mark's service.
    pub(crate) fn service_name(stack: &str, number: u64) -> String {
        gate::service_name(&format!("{stack}_recreate"), number)
    }

    /// The body of the mark's service. It has no tasks and no networks, so it needs nothing of its image.
    pub(crate) fn body(&self, stack: &str, image: &str) -> Value {
        let wire = Wire { stage: self.stage, crossed: self.crossed.clone() };
        let mut body = json!({
            "Name": Self::service_name(stack, self.number),
            "Labels": {
                NAMESPACE_LABEL: stack,
                RELEASE_LABEL: self.number.to_string(),
                // Texts and lists of texts only: this cannot fail.
                LABEL: serde_json::to_string(&wire).unwrap_or_default(),
                GATE_LABEL: "true",
            },
            "Mode": { "Replicated": { "Replicas": 0 } },
            "TaskTemplate": {
                "ContainerSpec": { "Image": image, "Labels": { NAMESPACE_LABEL: stack } },
                "RestartPolicy": { "Condition": "none" },
            },
            "EndpointSpec": { "Mode": "dnsrr" },
        });
        gate::set_run(&mut body, &format!("{}-recreate", self.number));
        body
    }

    /// The mark that a service is, if it is one.
    pub(crate) fn read(spec: &Value) -> Option<Self> {
        let wire: Wire = serde_json::from_str(spec::label(spec, LABEL)?).ok()?;
        let number = spec::label(spec, RELEASE_LABEL)?.parse().ok()?;
        Some(Self { number, stage: wire.stage, crossed: wire.crossed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::is_gate_run;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_is_no_service_of_the_stack_file() {
        let crossed = Crossed {
            rows: Some(vec!["two".into()]),
            applied: vec!["two".into()],
            reverted: Vec::new(),
            warning: None,
        };
        for (stage, crossed) in [(Stage::Removing, None), (Stage::Creating, Some(crossed))] {
            let mark = Mark { number: 7, stage, crossed };
            let body = mark.body("shop", "api:1");
            assert_eq!(body["Name"], "shop_recreate-r7");
            assert_eq!(Mark::read(&body), Some(mark));
            assert!(is_gate_run(&body));
        }
        assert_eq!(Mark::read(&json!({ "Labels": { "tidegate.release": "7" } })), None);
    }
}
