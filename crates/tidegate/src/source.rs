//! What a release is made from: the commit that CI names, or that of the stack file's own repository. Decides nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use deploy::Source;
use jiff::Timestamp;

use crate::exit::{Code, Failure};

/// The variables that git needs to find itself and its settings.
const KEPT_FOR_GIT: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "XDG_CONFIG_HOME"];

/// What the release is made from.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// The commit that the release is made from. Without it: that of the first stack file's repository.
    #[arg(long, value_name = "ID", env = "TIDEGATE_COMMIT", requires = "commit_time")]
    pub commit: Option<String>,
    /// When it was committed: seconds since 1970, or RFC 3339.
    #[arg(long, value_name = "TIME", env = "TIDEGATE_COMMIT_TIME")]
    pub commit_time: Option<String>,
}

impl SourceArgs {
    /// What they come to.
    pub fn source(&self, files: &[PathBuf]) -> Result<Source, Failure> {
        let asked_at = deploy::wall_clock();
        let given = self.commit_time.as_deref().map(time).transpose()?;
        let (commit, committed_at) = match given {
            Some(at) => (self.commit.clone(), Some(at)),
            None => of_repository(files).map_or((None, None), |(commit, at)| (Some(commit), Some(at))),
        };
        Ok(Source { commit, committed_at, asked_at })
    }
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.or_else(|| text.parse().ok()).ok_or_else(|| {
        Failure::new(Code::Input, format!("the time of the commit is `{text}`, which is not a time"))
            .hint("write seconds since 1970 (git show -s --format=%ct), or a time like 2026-01-31T12:00:00Z")
    })
}

/// The commit that is checked out where the first stack file is. Without git, or outside a repository, none.
fn of_repository(files: &[PathBuf]) -> Option<(String, Timestamp)> {
    let file = files.first().filter(|file| *file != Path::new("-"))?;
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What git runs in its turn is the repository's choice; the deployer's secrets are not for it.
    let kept =
        |name: &str| KEPT_FOR_GIT.contains(&name) || name.starts_with("GIT_") || name.starts_with("LC_");
    let environment = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(kept));
    let shown = Command::new("git")
        .env_clear()
        .envs(environment)
        .arg("-C")
        .arg(folder)
        .args(["log", "-1", "--format=%H %ct"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(shown.stdout).ok().filter(|_| shown.status.success())?;
    let (commit, seconds) = text.trim().split_once(' ')?;
    Some((commit.to_owned(), Timestamp::from_second(seconds.parse().ok()?).ok()?))
}
