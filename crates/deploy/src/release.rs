//! Release records: what a deploy intends, and how it ended, kept in Swarm configs. Pure.
//!
//! Two records a release. The *intent* is written before the first effect: what is wanted, and what every service
//! was. The *outcome* is written at the end: how it ended, and every spec as the engine gave it back. A release
//! with an intent and no outcome was interrupted. Records are immutable; the cluster's managers keep them.
//!
//! A record is one config, or several numbered parts when it is larger than a config may be (1,024,000 bytes).
//! Its facts are plain JSON; its specs are compressed and sealed (see `seal`).

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::networks::Networks;
use crate::seal::{SealError, SealKey};
use crate::source::Source;

/// Label: the stack that a Tidegate config belongs to.
pub(crate) const STACK_LABEL: &str = "tidegate.stack";
/// Label: `intent`, `outcome` or `lease`.
pub(crate) const KIND_LABEL: &str = "tidegate.kind";
const NUMBER_LABEL: &str = "tidegate.number";
const PART_LABEL: &str = "tidegate.part";
const PARTS_LABEL: &str = "tidegate.parts";

/// The most bytes in one part: well below the limit of a config, base64 and the raft transaction included.
const PART_BYTES: usize = 700_000;
/// The most bytes that a record may unpack to; more is damage or an attack.
const UNPACKED_LIMIT: u64 = 256 << 20;

/// How many opened records are remembered; the releases that are kept are mostly fewer.
const REMEMBERED: usize = 64;

/// A service as it was or is: `None` where there is none. Specs are large and never changed, so they are shared.
pub(crate) type Specs = BTreeMap<String, Option<Arc<Value>>>;

/// The part of a record that nobody without the stack's key can read.
#[derive(Clone, Debug, Default)]
struct Sealed {
    specs: Specs,
    wanted: Specs,
    networks: Networks,
}

/// The same as it is written.
#[derive(Serialize)]
struct SealedOut<'a> {
    specs: BTreeMap<&'a str, Option<&'a Value>>,
    wanted: BTreeMap<&'a str, Option<&'a Value>>,
    networks: &'a Networks,
}

/// The same as it is read.
#[derive(Deserialize)]
struct SealedIn {
    specs: BTreeMap<String, Option<Value>>,
    wanted: BTreeMap<String, Option<Value>>,
    #[serde(default)]
    networks: Networks,
}

impl From<SealedIn> for Sealed {
    fn from(read: SealedIn) -> Self {
        let shared = |specs: BTreeMap<String, Option<Value>>| {
            specs.into_iter().map(|(name, spec)| (name, spec.map(Arc::new))).collect()
        };
        Self { specs: shared(read.specs), wanted: shared(read.wanted), networks: read.networks }
    }
}

/// What a deploy is about to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The release's number, from 1.
    pub number: u64,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// Who began it (`user@host`).
    pub who: String,
    /// The digest of everything that is wanted: the same digest again is the same release, continued.
    pub digest: String,
    /// What it is made from.
    #[serde(default)]
    pub source: Option<Source>,
    /// The earlier release that it goes back to, if it does.
    #[serde(default)]
    pub returns_to: Option<u64>,
    /// Objects that this release creates, to be removed if it fails: kind and name.
    pub creates: Vec<(String, String)>,
    /// What every service of the stack was, by its full name. Sealed.
    #[serde(skip)]
    pub previous: Specs,
    /// What every service was to become, as it was asked for. Sealed.
    #[serde(skip)]
    pub wanted: Specs,
    /// The stack's networks and those that its services used, as they were. Sealed.
    #[serde(skip)]
    pub networks: Networks,
}

/// How a release ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The release's number.
    pub number: u64,
    /// How it ended.
    pub state: State,
    /// When it ended (RFC 3339).
    pub finished_at: String,
    /// Seconds from begin to end.
    pub seconds: u64,
    /// One sentence: what happened.
    pub message: String,
    /// The digest of what was wanted.
    pub digest: String,
    /// The images that run, by service.
    pub images: BTreeMap<String, String>,
    /// The rows of the version table after the gate, if a gate reported them.
    pub rows: Option<Vec<String>>,
    /// The revisions that the gate applied, in order.
    #[serde(default)]
    pub applied: Vec<String>,
    /// Every service's spec as the engine gave it back, by its full name. Sealed.
    #[serde(skip)]
    pub specs: Specs,
    /// The stack's networks and those that its services use, as it left them. Sealed.
    #[serde(skip)]
    pub networks: Networks,
}

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Everything runs the release.
    Succeeded,
    /// It failed, and every service is as it was.
    RolledBack,
    /// It failed, and some service is neither as it was nor as it should be.
    Incomplete,
}

impl State {
    /// The name, as records and output write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled-back",
            Self::Incomplete => "incomplete",
        }
    }
}

/// One config to create.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Its name.
    pub name: String,
    /// Its body for `POST /configs/create`.
    pub body: Value,
}

/// A config that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored<'a> {
    /// The engine's id.
    pub id: &'a str,
    /// Its spec: labels, and data in base64.
    pub spec: &'a Value,
}

impl Stored<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        crate::spec::label(self.spec, name)
    }

    fn data(&self) -> &str {
        self.spec.get("Data").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Release records that have been opened, to be opened once: a record never changes. What is asked for is found by all that
/// is stored of it, so it does not matter which engine or stack it was read from. Clones share it. Its `Debug` shows nothing.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<HashMap<RecordText, Record>>>);

/// All that is stored of a record, and the key that it was opened with, as that is written in a label.
type RecordText = (Vec<String>, Option<String>);

/// A record that was read.
#[derive(Clone)]
enum Record {
    Intent(Arc<Intent>, Opened),
    Outcome(Arc<Outcome>, Opened),
    Damaged,
}

/// Whether its specs could be opened.
type Opened = bool;

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Records(hidden)")
    }
}

impl Records {
    fn record(&self, kind: &str, parts: &[Stored<'_>], key: Option<&SealKey>) -> Record {
        let texts = std::iter::once(kind).chain(parts.iter().map(Stored::data)).map(str::to_owned).collect();
        let text: RecordText = (texts, key.map(SealKey::to_label));
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&text).cloned();
        known.unwrap_or_else(|| {
            let record = open(kind, parts, key).unwrap_or(Record::Damaged);
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(text, record.clone());
            record
        })
    }
}

/// A release as the records tell it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Release {
    /// The intent.
    pub intent: Arc<Intent>,
    /// The outcome; `None` while it runs, or when it was interrupted.
    pub outcome: Option<Arc<Outcome>>,
    /// Whether the specs could be opened with the stack's key.
    pub opened: bool,
    /// The ids of the configs that hold it.
    pub configs: Vec<String>,
}

impl Release {
    /// Whether it ended with everything running it.
    pub fn succeeded(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.state == State::Succeeded)
    }
}

/// Why a record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record could not be sealed.
    #[error("the release record could not be sealed: {0}")]
    Seal(#[from] SealError),
    /// The record could not be encoded.
    #[error("the release record could not be encoded: {0}")]
    Encode(String),
}

/// The configs that hold an intent.
pub(crate) fn intent_parts(stack: &str, intent: &Intent, key: &SealKey) -> Result<Vec<Part>, RecordError> {
    let facts = serde_json::to_value(intent).map_err(|error| RecordError::Encode(error.to_string()))?;
    let (specs, wanted) = (refs(&intent.previous), refs(&intent.wanted));
    let sealed = SealedOut { specs, wanted, networks: &intent.networks };
    parts(stack, "intent", intent.number, &facts, &sealed, key)
}

/// The configs that hold an outcome.
pub(crate) fn outcome_parts(stack: &str, outcome: &Outcome, key: &SealKey) -> Result<Vec<Part>, RecordError> {
    let facts = serde_json::to_value(outcome).map_err(|error| RecordError::Encode(error.to_string()))?;
    let sealed =
        SealedOut { specs: refs(&outcome.specs), wanted: BTreeMap::new(), networks: &outcome.networks };
    parts(stack, "outcome", outcome.number, &facts, &sealed, key)
}

fn refs(specs: &Specs) -> BTreeMap<&str, Option<&Value>> {
    specs.iter().map(|(name, spec)| (name.as_str(), spec.as_deref())).collect()
}

fn parts(
    stack: &str,
    kind: &str,
    number: u64,
    facts: &Value,
    sealed: &SealedOut<'_>,
    key: &SealKey,
) -> Result<Vec<Part>, RecordError> {
    let encode = |error: &dyn std::fmt::Display| RecordError::Encode(error.to_string());
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    let plain = serde_json::to_vec(sealed).map_err(|error| encode(&error))?;
    packer.write_all(&plain).map_err(|error| encode(&error))?;
    let squeezed = packer.finish().map_err(|error| encode(&error))?;
    let record = json!({ "format": 1, "facts": facts, "sealed": key.seal(&squeezed)? }).to_string();
    let chunks: Vec<&[u8]> = record.as_bytes().chunks(PART_BYTES).collect();
    Ok(chunks
        .iter()
        .enumerate()
        .map(|(index, chunk)| {
            let name = config_name(stack, &format!("{number}.{kind}.{index}"));
            let labels = json!({
                STACK_LABEL: stack,
                KIND_LABEL: kind,
                NUMBER_LABEL: number.to_string(),
                PART_LABEL: index.to_string(),
                PARTS_LABEL: chunks.len().to_string(),
            });
            let body = json!({ "Name": name, "Labels": labels, "Data": STANDARD.encode(chunk) });
            Part { name, body }
        })
        .collect())
}

/// The name of a config of Tidegate's: at most 64 characters of `[a-zA-Z0-9-_.]`, whatever the stack's name.
pub(crate) fn config_name(stack: &str, suffix: &str) -> String {
    let name = format!("tidegate.{stack}.{suffix}");
    if name.len() <= 64 {
        return name;
    }
    let digest = crate::spec::hex(&Sha256::digest(stack.as_bytes()));
    format!("tidegate.{}.{suffix}", &digest[..24])
}

/// Puts the releases of a stack together from its configs, oldest first. A record with a part missing was never
/// finished, and counts as not written.
pub(crate) fn read(stored: &[Stored<'_>], key: Option<&SealKey>, known: &Records) -> Vec<Release> {
    let mut records: BTreeMap<(u64, &str), Vec<(usize, Stored<'_>)>> = BTreeMap::new();
    for config in stored {
        let number = config.label(NUMBER_LABEL).and_then(|number| number.parse().ok());
        let part = config.label(PART_LABEL).and_then(|part| part.parse().ok());
        if let (Some(number), Some(part), Some(kind)) =
            (number, part, crate::spec::label(config.spec, KIND_LABEL))
        {
            records.entry((number, kind)).or_default().push((part, *config));
        }
    }
    let record = |number: u64, kind: &str| {
        let parts = whole(records.get(&(number, kind))?)?;
        Some(known.record(kind, &parts, key))
    };
    let numbers = records.keys().filter(|(_, kind)| *kind == "intent").map(|(number, _)| *number);
    numbers
        .filter_map(|number| {
            let Some(Record::Intent(intent, intent_opened)) = record(number, "intent") else { return None };
            let (outcome, outcome_opened) = match record(number, "outcome") {
                Some(Record::Outcome(outcome, opened)) => (Some(outcome), opened),
                _ => (None, true),
            };
            let configs = ["intent", "outcome"]
                .iter()
                .filter_map(|kind| records.get(&(number, *kind)))
                .flatten()
                .map(|(_, config)| config.id.to_owned())
                .collect();
            Some(Release { intent, outcome, opened: intent_opened && outcome_opened, configs })
        })
        .collect()
}

/// The parts in their order; `None` if one is missing.
fn whole<'a>(parts: &[(usize, Stored<'a>)]) -> Option<Vec<Stored<'a>>> {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|(index, _)| *index);
    let wanted: usize = parts.first()?.1.label(PARTS_LABEL)?.parse().ok()?;
    let all = parts.len() == wanted && parts.iter().enumerate().all(|(at, (index, _))| at == *index);
    all.then(|| parts.into_iter().map(|(_, config)| config).collect())
}

fn open(kind: &str, parts: &[Stored<'_>], key: Option<&SealKey>) -> Option<Record> {
    #[derive(Deserialize)]
    struct Text<T> {
        facts: T,
        sealed: String,
    }
    let mut text = Vec::new();
    for part in parts {
        STANDARD.decode_vec(part.data(), &mut text).ok()?;
    }
    let unseal = |sealed: &str| key.and_then(|key| key.open(sealed).ok()).and_then(|packed| unpack(&packed));
    Some(if kind == "intent" {
        let Text { facts, sealed } = serde_json::from_slice::<Text<Intent>>(&text).ok()?;
        let sealed = unseal(&sealed);
        let opened = sealed.is_some();
        let Sealed { specs: previous, wanted, networks } = sealed.unwrap_or_default();
        Record::Intent(Arc::new(Intent { previous, wanted, networks, ..facts }), opened)
    } else {
        let Text { facts, sealed } = serde_json::from_slice::<Text<Outcome>>(&text).ok()?;
        let sealed = unseal(&sealed);
        let opened = sealed.is_some();
        let Sealed { specs, networks, .. } = sealed.unwrap_or_default();
        Record::Outcome(Arc::new(Outcome { specs, networks, ..facts }), opened)
    })
}

fn unpack(packed: &[u8]) -> Option<Sealed> {
    let mut plain = Vec::new();
    GzDecoder::new(packed).take(UNPACKED_LIMIT).read_to_end(&mut plain).ok()?;
    serde_json::from_slice::<SealedIn>(&plain).ok().map(Sealed::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(number: u64, previous: Specs) -> Intent {
        Intent {
            number,
            started_at: "2026-01-01T00:00:00Z".into(),
            who: "ci@build".into(),
            digest: "d".into(),
            source: None,
            returns_to: None,
            creates: vec![("network".into(), "shop_back".into())],
            wanted: previous.clone(),
            previous,
            networks: Networks::from([(
                "n1".into(),
                json!({ "Name": "shop_back", "Options": { "key": "canary" } }),
            )]),
        }
    }

    fn store(parts: &[Part]) -> Vec<Stored<'_>> {
        parts.iter().map(|part| Stored { id: &part.name, spec: &part.body }).collect()
    }

    fn read(stored: &[Stored<'_>], key: Option<&SealKey>) -> Vec<Release> {
        super::read(stored, key, &Records::default())
    }

    #[test]
    fn a_record_comes_back_field_for_field_and_shows_no_secret() {
        let key = SealKey::generate().unwrap();
        let spec = json!({ "Name": "shop_api", "TaskTemplate": { "ContainerSpec": { "Env": ["PASSWORD=canary"] } } });
        let intent =
            intent(3, Specs::from([("shop_api".into(), Some(spec.into())), ("shop_new".into(), None)]));
        let parts = intent_parts("shop", &intent, &key).unwrap();
        let stored = store(&parts);
        let data = STANDARD.decode(stored[0].data()).unwrap();
        assert!(!String::from_utf8_lossy(&data).contains("canary"));
        let releases = read(&stored, Some(&key));
        assert_eq!(*releases[0].intent, intent);
        assert!(releases[0].opened && releases[0].outcome.is_none());
        let without_key = read(&stored, None);
        assert!(!without_key[0].opened && without_key[0].intent.number == 3);
    }

    #[test]
    fn a_large_record_is_split_and_one_with_a_part_missing_was_never_written() {
        let key = SealKey::generate().unwrap();
        // Random enough not to be compressed away.
        let noise = key.seal(&vec![7; 1_600_000]).unwrap();
        let intent = intent(1, Specs::from([("shop_api".into(), Some(Value::String(noise).into()))]));
        let parts = intent_parts("shop", &intent, &key).unwrap();
        let stored = store(&parts);
        assert!(stored.len() > 2);
        assert_eq!(*read(&stored, Some(&key))[0].intent, intent);
        assert!(read(&stored[1..], Some(&key)).is_empty());
        assert!(read(&stored[..stored.len() - 1], Some(&key)).is_empty());
    }

    #[test]
    fn what_is_remembered_of_a_record_is_of_that_text_and_that_key() {
        let (key, other, records) =
            (SealKey::generate().unwrap(), SealKey::generate().unwrap(), Records::default());
        let spec = |image: &str| Specs::from([("shop_api".into(), Some(json!({ "Image": image }).into()))]);
        let (one, two) = (intent(1, spec("api:1")), intent(1, spec("api:2")));
        let parts = [intent_parts("shop", &one, &key).unwrap(), intent_parts("shop", &two, &key).unwrap()];
        for _ in 0..2 {
            // The same id, as if two engines had been asked.
            assert_eq!(*super::read(&store(&parts[0]), Some(&key), &records)[0].intent, one);
            assert_eq!(*super::read(&store(&parts[1]), Some(&key), &records)[0].intent, two);
            assert!(!super::read(&store(&parts[0]), Some(&other), &records)[0].opened);
            assert!(!super::read(&store(&parts[0]), None, &records)[0].opened);
        }
        for number in 0..2 * REMEMBERED as u64 {
            let parts = intent_parts("shop", &intent(number, spec("api:1")), &key).unwrap();
            assert_eq!(super::read(&store(&parts), Some(&key), &records)[0].intent.number, number);
        }
        assert!(records.0.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn names_fit_whatever_the_stack_is_called() {
        assert_eq!(config_name("shop", "3.intent.0"), "tidegate.shop.3.intent.0");
        let long = config_name(&"s".repeat(60), "123456.outcome.11");
        assert!(long.len() <= 64, "{long}");
        assert_ne!(long, config_name(&"t".repeat(60), "123456.outcome.11"));
    }
}
