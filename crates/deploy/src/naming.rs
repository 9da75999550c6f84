//! Which name a secret or config has in the engine. Pure.
//!
//! The engine cannot change the content of a secret or config, so new content needs a new name: the stack file's name
//! with a digest of the content. The name is made only when there is need, so a stack whose contents never change has
//! the names that the stock client gives; and content that is there already keeps the name it has, so the same files
//! always lead to the same names.

use std::collections::BTreeMap;

use engine::{FileKind, at};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stackfile::ObjectBody;

use crate::live::{FileState, Live, content, credential_spec, reference_to, references};
use crate::spec::{self, hex};
use crate::target::Target;

/// Label of a secret or config whose name has a digest: the name that the stack file gives it.
pub(crate) const NAME_LABEL: &str = "tidegate.name";
/// Label that a stack file can set on a secret or config: with `false` its name stays as it is, and new content is
/// refused.
const RENAME_LABEL: &str = "tidegate.rename";
/// The engine's limit for names, in bytes.
const LONGEST_NAME: usize = 64;
/// Characters of the digest in a name.
const DIGEST_LENGTH: usize = 12;

/// The target with the names that its secrets and configs have, or get, in this engine.
pub(crate) fn settle(target: &Target, live: &Live) -> Target {
    let mut settled = target.clone();
    let mut renamed = BTreeMap::new();
    for (kind, objects) in
        [(FileKind::Secret, &mut settled.secrets), (FileKind::Config, &mut settled.configs)]
    {
        for object in objects {
            if let Some(name) = other_name(kind, object, live) {
                renamed.insert((kind, object.name.clone()), name.clone());
                rename(object, &name);
            }
        }
    }
    if renamed.is_empty() {
        return settled;
    }
    for wanted in settled.services.values_mut() {
        if follow(&mut wanted.body, &renamed) {
            wanted.digest = spec::digest(&wanted.body);
        }
    }
    // Other contents are another release, also where the digest cannot know them: that of secrets.
    let mut digest = Sha256::new().chain_update(&settled.digest);
    for ((kind, name), other) in &renamed {
        digest.update(json!([kind.as_str(), name, other]).to_string());
    }
    settled.digest = hex(&digest.finalize());
    settled
}

/// The name with a digest, where the object has one already or needs one.
fn other_name(kind: FileKind, object: &ObjectBody, live: &Live) -> Option<String> {
    if spec::label(&object.body, RENAME_LABEL) == Some("false") {
        return None;
    }
    match live.file_state(kind, object) {
        Some(FileState::Same | FileState::LabelsDiffer) => None,
        Some(FileState::ContentDiffers) => with_digest(kind, object, live),
        None => {
            // The first name has gone since; this content may still be there under another.
            let name = with_digest(kind, object, live)?;
            let mut other = object.clone();
            rename(&mut other, &name);
            let there =
                matches!(live.file_state(kind, &other), Some(FileState::Same | FileState::LabelsDiffer));
            there.then_some(name)
        }
    }
}

/// `NAME-DIGEST`. A secret's digest is keyed: a plain one would let a short secret be guessed. `None` without a key.
fn with_digest(kind: FileKind, object: &ObjectBody, live: &Live) -> Option<String> {
    let content = content(&object.body);
    let digest = match kind {
        FileKind::Secret => live.key.as_ref()?.fingerprint(&content),
        FileKind::Config => hex(&Sha256::digest(&content)),
    };
    let digest = digest.get(..DIGEST_LENGTH)?;
    let room = LONGEST_NAME - DIGEST_LENGTH - 1;
    let stem = object.name.get(..room.min(object.name.len())).unwrap_or(&object.name);
    Some(format!("{stem}-{digest}"))
}

fn rename(object: &mut ObjectBody, name: &str) {
    spec::set_label(&mut object.body, NAME_LABEL, &object.name);
    object.body["Name"] = json!(name);
    name.clone_into(&mut object.name);
}

/// Makes a service's references follow. Says whether there were any.
fn follow(body: &mut Value, renamed: &BTreeMap<(FileKind, String), String>) -> bool {
    let mut followed = false;
    for ((kind, name), other) in renamed {
        let (id_field, name_field) = match kind {
            FileKind::Secret => ("SecretID", "SecretName"),
            FileKind::Config => ("ConfigID", "ConfigName"),
        };
        let (from, to) = (reference_to(*kind, name), reference_to(*kind, other));
        for reference in references(body, *kind) {
            if reference.get(id_field).and_then(Value::as_str) == Some(&from) {
                reference[id_field] = json!(to);
                reference[name_field] = json!(other);
                followed = true;
            }
        }
        if let Some(config) = credential_spec(body)
            && config.as_str() == Some(&from)
        {
            *config = json!(to);
            followed = true;
        }
    }
    followed
}

/// A reference of a spec to a secret or config.
pub(crate) struct Reference<'a> {
    /// Which of the two.
    pub(crate) kind: FileKind,
    /// Its id.
    pub(crate) id: &'a str,
    /// Its name.
    pub(crate) name: &'a str,
}

/// The secrets and configs that a spec refers to.
pub(crate) fn references_in(spec: &Value) -> Vec<Reference<'_>> {
    let fields = [
        (FileKind::Secret, "Secrets", "SecretID", "SecretName"),
        (FileKind::Config, "Configs", "ConfigID", "ConfigName"),
    ];
    let mut found = Vec::new();
    for (kind, list, id, name) in fields {
        let list = at(spec, &format!("/TaskTemplate/ContainerSpec/{list}")).and_then(Value::as_array);
        for reference in list.into_iter().flatten() {
            let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
            found.push(Reference { kind, id: text(id), name: text(name) });
        }
    }
    found
}
