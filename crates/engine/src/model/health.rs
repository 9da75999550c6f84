//! What a container's healthcheck said, from `GET /containers/{id}/json`.

use serde::Deserialize;

use super::wire::null_is_default;

/// The state of a container's healthcheck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// How many runs in a row have failed.
    pub failing_streak: u64,
    /// The last runs, oldest first; the engine keeps five.
    #[serde(deserialize_with = "null_is_default")]
    pub log: Vec<HealthRun>,
}

/// One run of a healthcheck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthRun {
    /// 0 is healthy; -1 means that the run was cut off by its timeout.
    pub exit_code: i64,
    /// What it wrote, cut by the engine at 4096 bytes.
    pub output: String,
}

/// As much of a container as its health takes.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Inspected {
    pub(crate) state: InspectedState,
}

/// The state of an [`Inspected`] container.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct InspectedState {
    pub(crate) health: Option<Health>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_read_with_and_without_a_healthcheck() {
        let read = |text: &str| serde_json::from_str::<Inspected>(text).unwrap().state.health;
        assert_eq!(read(r#"{"Id":"c","State":{"Status":"running"}}"#), None);
        let health = read(
            r#"{"State":{"Health":{"Status":"unhealthy","FailingStreak":2,"Log":[
                {"Start":"2026-01-01T00:00:00Z","End":"2026-01-01T00:00:01Z","ExitCode":1,"Output":"no\n"}]}}}"#,
        );
        let run = HealthRun { exit_code: 1, output: "no\n".into() };
        assert_eq!(health, Some(Health { status: "unhealthy".into(), failing_streak: 2, log: vec![run] }));
        let new = read(r#"{"State":{"Health":{"Status":"starting","FailingStreak":0,"Log":null}}}"#);
        assert!(new.unwrap().log.is_empty());
    }
}
