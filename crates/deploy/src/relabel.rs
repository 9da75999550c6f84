//! Asking the engine whether secrets have the content that is wanted: it alone can compare them, and does so when their
//! labels are updated. The labels are those of the stack file, so where the answer is yes, that much is done.

use std::collections::BTreeSet;

use engine::{Api, Error as EngineError, FileKind, FileObject};
use stackfile::ObjectBody;

use crate::error::Error;
use crate::live::Live;
use crate::seal::SealKey;
use crate::target::Target;

/// How often a secret that somebody else is changing is read again.
const ATTEMPTS: usize = 3;

/// Asks about every secret that is there and whose content is not known. Returns those that have another content; the
/// others carry their fingerprint now.
pub(crate) async fn ask<A: Api>(
    api: &A,
    target: &Target,
    live: &Live,
    key: &SealKey,
) -> Result<BTreeSet<String>, Error> {
    let mut others = BTreeSet::new();
    for (wanted, object) in live.unknown_secrets(&target.secrets) {
        if !is_same(api, wanted, object, key).await? {
            others.insert(wanted.name.clone());
        }
    }
    Ok(others)
}

async fn is_same<A: Api>(
    api: &A,
    wanted: &ObjectBody,
    object: &FileObject,
    key: &SealKey,
) -> Result<bool, Error> {
    let body = Live::with_fingerprint(wanted, key);
    let (id, mut version, mut attempt) = (&object.id, object.version, 1);
    loop {
        match api.update_file_object(FileKind::Secret, id, version, &body).await {
            Ok(()) => return Ok(true),
            Err(EngineError::Refused { message, .. }) if message.contains(OTHER_CONTENT) => return Ok(false),
            // Repeating it does no harm: the same labels again.
            Err(error) if attempt < ATTEMPTS && is_passing(&error) => attempt += 1,
            Err(error) => return Err(error.into()),
        }
        match api.file_object(FileKind::Secret, &wanted.name).await? {
            Some(now) if &now.id == id => version = now.version,
            // It went, or another took its place: the plan that follows sees what is there.
            _ => return Ok(true),
        }
    }
}

fn is_passing(error: &EngineError) -> bool {
    matches!(error, EngineError::OutOfSequence { .. })
        || error.is_transient()
        || error.may_have_been_applied()
}

/// How the engine says that the content of a secret or config is another one (swarmkit, manager/controlapi/secret.go).
pub(crate) const OTHER_CONTENT: &str = "only updates to Labels";
