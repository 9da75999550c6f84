//! Small images that run a shell script: `sh`, a few programs, their libraries, and nothing else. No registry is needed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command;
use crate::engine::Engine;

const LIMIT: Duration = Duration::from_mins(1);
const PROGRAMS: &str = "/bin/sh /bin/sleep /bin/false /bin/echo";

impl Engine {
    /// Gives the engine images whose containers run these scripts with `sh -c`: pairs of an image's name and its script.
    #[track_caller]
    pub fn import_scripts<'a>(&self, images: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let archive = folder.path().join("shell.tar");
        pack(&archive);
        for (name, script) in images {
            let command = format!("CMD {}", serde_json::json!(["/bin/sh", "-c", script]));
            // A label that differs gives each name an image of its own.
            let label = format!("LABEL name={name}");
            let archive = archive.display().to_string();
            self.docker(["import", "-c", "ENV PATH=/bin", "-c", &command, "-c", &label, &archive, name])
                .expect_success();
        }
    }
}

/// The programs and the libraries that they say they need.
fn pack(archive: &Path) {
    let script = format!(
        "set -e; libraries=$(for program in {PROGRAMS}; do ldd $program | grep -o '/[^ ]*'; done | sort -u); \
         tar -chf \"$1\" {PROGRAMS} $libraries 2>/dev/null"
    );
    command::run(Command::new("sh").args(["-c", &script, "sh"]).arg(archive), LIMIT).expect_success();
}
