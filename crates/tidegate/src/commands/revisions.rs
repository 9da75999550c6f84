//! `tidegate revisions`: questions about the revision files, answered without Python and without a database.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use jiff::Zoned;
use revisions::{ConfigOptions, Diagnosis, History, MergeRequest, Plan, TargetError, draw};
use serde_json::json;

use crate::cli::{Global, OutputFormat};
use crate::exit::{Code, Failure};
use crate::output;
use crate::output::revisions as show;

/// Arguments of `tidegate revisions`.
#[derive(Debug, Args)]
pub struct RevisionsArgs {
    /// Where the files are.
    #[command(flatten)]
    pub files: FilesArgs,
    /// What to ask.
    #[command(subcommand)]
    pub question: Question,
}

/// Where the revision files are.
#[derive(Debug, Args)]
pub struct FilesArgs {
    /// Alembic's configuration: alembic.ini, pyproject.toml, or Flask-Migrate's folder. Found as Alembic finds it.
    #[arg(
        short = 'c',
        long,
        global = true,
        value_name = "FILE",
        env = "TIDEGATE_CONFIG",
        value_delimiter = ','
    )]
    pub config: Vec<PathBuf>,
    /// The section of the INI file.
    #[arg(short = 'n', long, global = true, value_name = "SECTION")]
    pub name: Option<String>,
    /// The folder of the revision files, instead of a configuration. May be given several times.
    #[arg(long, global = true, value_name = "DIR")]
    pub versions: Vec<PathBuf>,
    /// Read the folders inside --versions too.
    #[arg(long, global = true, requires = "versions")]
    pub recursive: bool,
}

/// What to ask.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// The revisions that no other comes after. As in `alembic heads`, one that another revision depends on is
    /// an "effective head".
    Heads {
        /// Fail when there is more than one, for CI.
        #[arg(long)]
        single: bool,
    },
    /// The revisions that come after no other.
    Bases,
    /// All revisions, in the order of an upgrade.
    History,
    /// One revision.
    Show {
        /// Its id, or a part of it, or head, or LABEL@head.
        revision: String,
    },
    /// The steps from the rows of a version table to a target, and the rows after each.
    Plan {
        /// The rows of the version table, separated by commas; none for an empty database.
        #[arg(long, value_name = "ROWS", default_value = "", hide_default_value = true)]
        from: String,
        /// Where to go, in Alembic's terms: heads, head, a revision, LABEL@head, +1, several separated by commas. An
        /// upgrade goes to heads unless told otherwise, a downgrade one step back.
        #[arg(long, value_name = "TARGET", allow_hyphen_values = true)]
        to: Option<String>,
        /// Go back.
        #[arg(long)]
        downgrade: bool,
    },
    /// What rows of a version table mean, and the repair that can be proven. Fails when an upgrade could not start.
    Diagnose {
        /// The rows of the version table, separated by commas.
        #[arg(long, value_name = "ROWS")]
        rows: String,
    },
    /// A picture of the history.
    Graph {
        /// In which form.
        #[arg(long, value_name = "FORM", default_value = "text")]
        format: Form,
    },
    /// Write the revision file that joins the heads, as `alembic merge heads` does.
    Merge {
        /// What the merge is for.
        #[arg(short, long, value_name = "TEXT")]
        message: String,
        /// The new revision's id instead of a random one.
        #[arg(long, value_name = "ID")]
        rev_id: Option<String>,
        /// The heads to join; all of them when none is named.
        heads: Vec<String>,
    },
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Form {
    /// For a terminal.
    Text,
    /// For Graphviz.
    Dot,
    /// For Markdown on GitHub and GitLab.
    Mermaid,
    /// For a browser.
    Svg,
}

/// Runs the command.
pub fn run(args: RevisionsArgs, global: &Global) -> Result<Code, Failure> {
    let files = read(&args.files)?;
    show::warnings(&files.history, global);
    let history = &files.history;
    let json = global.output == OutputFormat::Json;
    match args.question {
        Question::Heads { single } => heads(history, single, json),
        Question::Bases => {
            show::list(json, &show::bases_json(history), || show::revisions(history, &history.bases()));
            Ok(Code::Ok)
        }
        Question::History => {
            let ids: Vec<&str> = history.history().iter().map(|revision| revision.id.as_str()).collect();
            show::list(json, &show::history_json(history), || show::revisions(history, &ids));
            Ok(Code::Ok)
        }
        Question::Show { revision } => one(history, &revision, json),
        Question::Plan { from, to, downgrade } => plan(history, &rows(&from), to, downgrade, json),
        Question::Diagnose { rows: given } => Ok(diagnose(&history.diagnose(&rows(&given)), json)),
        Question::Graph { format } => {
            let text = match format {
                Form::Text => draw::text(history),
                Form::Dot => draw::dot(history),
                Form::Mermaid => draw::mermaid(history),
                Form::Svg => draw::svg(history),
            };
            show::list(
                json,
                &json!({ "format": format!("{format:?}").to_lowercase(), "text": text }),
                || text.clone(),
            );
            Ok(Code::Ok)
        }
        Question::Merge { message, rev_id, heads } => merge(&files, &message, rev_id, &heads, json),
    }
}

/// The history and where it came from.
struct Files {
    history: History,
    /// Nothing when only folders were named.
    config: Option<revisions::Config>,
}

fn read(args: &FilesArgs) -> Result<Files, Failure> {
    let refused =
        |diagnostics| Failure::input("the revision files cannot be used; nothing was changed", diagnostics);
    if !args.versions.is_empty() {
        if let Some(missing) = args.versions.iter().find(|folder| !folder.is_dir()) {
            return Err(Failure::new(Code::Input, format!("there is no folder {}", missing.display()))
                .hint("name the folder of the revision files with --versions"));
        }
        let history = revisions::read_versions(&args.versions, args.recursive).map_err(refused)?;
        return Ok(Files { history, config: None });
    }
    let options = ConfigOptions::of_process(args.config.clone(), args.name.clone()).map_err(|error| {
        Failure::new(Code::Input, format!("the working directory cannot be used: {error}"))
            .hint("change to a folder that exists")
    })?;
    // What is shown is relative to where the user is.
    let options = ConfigOptions { directory: ".".into(), ..options };
    let config = revisions::find_config(&options).map_err(|diagnostic| {
        Failure::input("Alembic's configuration cannot be used; nothing was changed", vec![diagnostic])
    })?;
    let history = revisions::read(&config).map_err(refused)?;
    Ok(Files { history, config: Some(config) })
}

/// Comma-separated rows; spaces around them do not count.
fn rows(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|row| !row.is_empty()).map(str::to_owned).collect()
}

fn refused(error: TargetError) -> Failure {
    let failure = Failure::new(Code::Input, error.message);
    match error.help {
        Some(help) => failure.hint(help),
        None => failure,
    }
}

fn heads(history: &History, single: bool, json: bool) -> Result<Code, Failure> {
    let heads = history.heads();
    show::list(json, &show::heads_json(history), || show::revisions(history, &heads));
    if !single || heads.len() < 2 {
        return Ok(Code::Ok);
    }
    if json {
        return Ok(Code::Input);
    }
    Err(Failure::new(Code::Input, format!("there are {} heads, and one was asked for", heads.len()))
        .hint("join them: tidegate revisions merge -m MESSAGE"))
}

fn one(history: &History, revision: &str, json: bool) -> Result<Code, Failure> {
    let found = history.resolve(revision).map_err(refused)?;
    let [id] = found.as_slice() else {
        let names = if found.is_empty() { "no revision".to_owned() } else { found.join(", ") };
        return Err(Failure::new(Code::Input, format!("'{revision}' stands for {names}"))
            .hint("name one revision; `tidegate revisions history` lists them"));
    };
    let revision = history.revision(id).ok_or_else(|| {
        Failure::new(Code::Internal, format!("'{id}' was resolved but is not there")).hint("report this")
    })?;
    show::list(json, &show::revision_json(history, revision), || show::one(history, revision));
    Ok(Code::Ok)
}

fn plan(
    history: &History,
    rows: &[String],
    target: Option<String>,
    downgrade: bool,
    json: bool,
) -> Result<Code, Failure> {
    let target = target.unwrap_or_else(|| if downgrade { "-1" } else { "heads" }.to_owned());
    let planned =
        if downgrade { history.plan_downgrade(rows, &target) } else { history.plan_upgrade(rows, &target) };
    match planned {
        Ok(plan) => {
            show::list(json, &show::plan_json(&plan, None), || show::plan(history, &plan));
            Ok(Code::Ok)
        }
        Err(error) if json => {
            let nothing = Plan { rows: rows.to_vec(), target, steps: Vec::new() };
            output::line(&show::plan_json(&nothing, Some(&error)).to_string());
            Ok(Code::Input)
        }
        Err(error) => Err(refused(error)),
    }
}

fn diagnose(diagnosis: &Diagnosis, json: bool) -> Code {
    show::list(json, &show::diagnosis_json(diagnosis), || show::diagnosis(diagnosis));
    if diagnosis.is_consistent() { Code::Ok } else { Code::Input }
}

fn merge(
    files: &Files,
    message: &str,
    id: Option<String>,
    named: &[String],
    json: bool,
) -> Result<Code, Failure> {
    let history = &files.history;
    let mut heads: Vec<String> = Vec::new();
    for name in named {
        heads.extend(history.resolve(name).map_err(refused)?);
    }
    if named.is_empty() {
        heads = history.heads().into_iter().map(str::to_owned).collect();
    }
    let (id, created) = (id.unwrap_or_else(random_id), Zoned::now());
    let template = files
        .config
        .as_ref()
        .and_then(|config| std::fs::read_to_string(config.script_location.join("script.py.mako")).ok());
    let request = match &files.config {
        Some(config) => MergeRequest::new(config, &heads, message, &id, &created),
        None => MergeRequest::with_defaults(&heads, message, &id, &created),
    };
    let request = MergeRequest { template: template.as_deref(), ..request };
    let file = revisions::merge_file(history, &request).map_err(|error| {
        Failure::new(Code::Input, format!("no merge was written: {error}"))
            .hint("`tidegate revisions heads` lists the heads")
    })?;
    let path = folder_of(files, &heads).join(&file.name);
    write_new(&path, &file.text)?;
    let shown = show::path(&path);
    let object = json!({ "revision": id, "file": shown, "heads": heads });
    show::list(json, &object, || format!("wrote {shown}: {id} joins {}\n", heads.join(", ")));
    Ok(Code::Ok)
}

/// The one version location, or else the folder of the first head, as Alembic chooses.
fn folder_of(files: &Files, heads: &[String]) -> PathBuf {
    if let Some([only]) = files.config.as_ref().map(|config| config.version_locations.as_slice()) {
        return only.clone();
    }
    let first = heads.first().and_then(|id| files.history.revision(id));
    first.and_then(|revision| revision.file.parent()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::File::create_new(path)?.write_all(text.as_bytes())
    };
    write().map_err(|error: std::io::Error| {
        Failure::new(Code::Input, format!("cannot write {}: {error}", path.display()))
            .hint("check that the folder may be written to, and that no file of this name is there")
    })
}

/// Twelve hexadecimal digits, as Alembic's own ids.
fn random_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds each of these from the system's random numbers.
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{:012x}", random & 0xffff_ffff_ffff)
}
