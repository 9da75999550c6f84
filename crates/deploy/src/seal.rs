//! Sealing the specs in release records, so that no secret value lies readable in a Swarm config. Pure.
//!
//! A rollback needs every spec field for field, environment variables with it, and any variable may hold a
//! password. So the specs are encrypted (ChaCha20-Poly1305) with a key of the stack's own, which is kept where
//! those values are readable anyway: in a label of the stack's services. Whoever can read the services gains
//! nothing by it; a record that was copied, printed or left behind after the stack says nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// The key of a stack's records. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealKey([u8; 32]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(hidden)")
    }
}

/// Why something could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandom,
    /// The sealed text is damaged, or the key is another one.
    #[error("the record was sealed with another key, or is damaged")]
    WrongKey,
}

/// A text that no other run has: 16 random bytes in hexadecimal.
pub fn nonce() -> Result<String, SealError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SealError::NoRandom)?;
    Ok(crate::spec::hex(&bytes))
}

impl SealKey {
    /// A new key.
    pub(crate) fn generate() -> Result<Self, SealError> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| SealError::NoRandom)?;
        Ok(Self(key))
    }

    /// The key as it is written in a service label.
    pub(crate) fn to_label(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads a key from a service label; `None` if that is no key.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        STANDARD.decode(label).ok()?.try_into().ok().map(Self)
    }

    /// Encrypts.
    pub(crate) fn seal(&self, plain: &[u8]) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut text = plain.to_vec();
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
            .map_err(|_| SealError::WrongKey)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(STANDARD.encode(sealed))
    }

    /// Decrypts what [`SealKey::seal`] made.
    pub(crate) fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
        let sealed = STANDARD.decode(sealed).map_err(|_| SealError::WrongKey)?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::WrongKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::WrongKey)?;
        let mut text = text.to_vec();
        let plain =
            self.cipher()?.open_in_place(nonce, Aad::empty(), &mut text).map_err(|_| SealError::WrongKey)?;
        Ok(plain.to_vec())
    }

    /// A digest of a value that only the key's holder can compare with: unlike a plain hash it does not let a
    /// short secret be guessed.
    pub(crate) fn fingerprint(&self, value: &[u8]) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.0);
        crate::spec::hex(ring::hmac::sign(&key, value).as_ref())
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).map(LessSafeKey::new).map_err(|_| SealError::WrongKey)
    }
}

#[cfg(test)]
mod tests {
    use super::{SealError, SealKey};

    #[test]
    fn only_the_same_key_opens_and_a_damaged_text_is_refused() {
        let key = SealKey::from_label(&SealKey::generate().unwrap().to_label()).unwrap();
        let sealed = key.seal(b"POSTGRES_PASSWORD=canary").unwrap();
        assert!(!sealed.contains("canary"));
        assert_eq!(key.open(&sealed).unwrap(), b"POSTGRES_PASSWORD=canary");
        assert_eq!(SealKey::generate().unwrap().open(&sealed), Err(SealError::WrongKey));
        assert_eq!(key.open(&sealed[4..]), Err(SealError::WrongKey));
        assert_eq!(key.open("AAAA"), Err(SealError::WrongKey));
        assert!(!format!("{key:?}").contains(&key.to_label()));
    }
}
