//! The file that joins heads, as `alembic merge` writes it: from the project's own template where that can be
//! rendered without Python. Pure: the caller chooses the id and the time, and writes.

mod format;
mod template;

use std::path::Path;

use jiff::Zoned;

use crate::config::{FILE_TEMPLATE, SLUG_LENGTH};
use crate::{Config, History, read_text};

/// What to write.
#[derive(Clone, Debug)]
pub struct MergeRequest<'a> {
    /// The heads to join, at least two.
    pub heads: &'a [String],
    /// What the merge is for; the first line of the file.
    pub message: &'a str,
    /// The new revision's id, such as twelve random hexadecimal digits.
    pub id: &'a str,
    /// When, in the time zone to show.
    pub created: &'a Zoned,
    /// The text of the project's `script.py.mako`.
    pub template: Option<&'a str>,
    /// The names of new files, as [`Config::file_template`] has it.
    pub file_template: &'a str,
    /// How many characters of the message go into the name, as [`Config::truncate_slug_length`] has it.
    pub truncate_slug_length: usize,
}

/// A merge revision that is not on disk yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeFile {
    /// The file's name below the version location; the project's template may put folders into it.
    pub name: String,
    /// The file's text.
    pub text: String,
}

/// Why no merge can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to join.
    #[error("a merge joins at least two heads, and there is only {0}")]
    TooFew(String),
    /// One of the revisions is not there.
    #[error("there is no revision '{0}'")]
    NoRevision(String),
    /// Another revision comes after this one.
    #[error("'{0}' is not a head: other revisions come after it")]
    NotAHead(String),
    /// The id is taken, or cannot be one.
    #[error("'{0}' cannot be the new id: use up to 32 letters and digits that no other revision has")]
    BadId(String),
    /// The name's template asks for what is not there.
    #[error("the file_template '{0}' cannot be filled in")]
    BadFileTemplate(String),
}

/// Writes the merge of these heads.
pub fn merge_file(history: &History, request: &MergeRequest<'_>) -> Result<MergeFile, MergeError> {
    check(history, request)?;
    let slug = format::slug(request.message, request.truncate_slug_length);
    let name = format::file_name(request.file_template, request.id, &slug, request.created)
        .ok_or_else(|| MergeError::BadFileTemplate(request.file_template.to_owned()))?;
    let text = request
        .template
        .and_then(|template| template::render(template, request))
        .filter(|text| says(text, request))
        .unwrap_or_else(|| template::plain(request));
    Ok(MergeFile { name: format!("{name}.py"), text })
}

impl<'a> MergeRequest<'a> {
    /// A request with the settings of a configuration.
    pub fn new(
        config: &'a Config,
        heads: &'a [String],
        message: &'a str,
        id: &'a str,
        created: &'a Zoned,
    ) -> Self {
        let (file_template, truncate_slug_length) =
            (config.file_template.as_str(), config.truncate_slug_length);
        Self { file_template, truncate_slug_length, ..Self::with_defaults(heads, message, id, created) }
    }

    /// A request with Alembic's own defaults.
    pub fn with_defaults(heads: &'a [String], message: &'a str, id: &'a str, created: &'a Zoned) -> Self {
        let (file_template, truncate_slug_length) = (FILE_TEMPLATE, SLUG_LENGTH);
        Self { heads, message, id, created, template: None, file_template, truncate_slug_length }
    }
}

fn check(history: &History, request: &MergeRequest<'_>) -> Result<(), MergeError> {
    let mut different = request.heads.to_vec();
    different.sort_unstable();
    different.dedup();
    if different.len() < 2 {
        return Err(MergeError::TooFew(
            different.first().map_or_else(|| "none".to_owned(), |id| format!("'{id}'")),
        ));
    }
    let heads = history.heads();
    for head in request.heads {
        if history.revision(head).is_none() {
            return Err(MergeError::NoRevision(head.clone()));
        }
        if !heads.contains(&head.as_str()) {
            return Err(MergeError::NotAHead(head.clone()));
        }
    }
    let fits = !request.id.is_empty() && request.id.chars().count() <= 32;
    let legal = request.id.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !fits || !legal || history.graph().named(request.id).is_some() {
        return Err(MergeError::BadId(request.id.to_owned()));
    }
    Ok(())
}

/// Whether a rendered text declares what it should: a template may do anything.
fn says(text: &str, request: &MergeRequest<'_>) -> bool {
    read_text(Path::new("merge.py"), text.as_bytes())
        .is_ok_and(|read| read.id == request.id && read.down_revision == request.heads)
}
