//! Hashes of passwords: argon2id with a salt of 128 bits, made by a few threads so that nothing else waits for them.

use std::{sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use daybook_platform::ApiError;
use tokio::sync::Semaphore;

use crate::{sealed::random, settings::SignIn};

/// So many may wait for a hash; who comes after them is told to come back.
const WAITING_MAX: usize = 64;

const SALT: usize = 16;
const LENGTH: usize = 32;

/// A hash with what it was made with, so that it can be checked when the settings have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash {
    memory_kib: u32,
    passes: u32,
    salt: [u8; SALT],
    hash: [u8; LENGTH],
}

impl Hash {
    /// Its bytes, to be sealed.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.memory_kib.to_be_bytes()[..], &self.passes.to_be_bytes(), &self.salt, &self.hash].concat()
    }

    /// The one that was kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (memory, rest) = bytes.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let hash = rest.try_into().ok()?;
        Some(Self { memory_kib: u32::from_be_bytes(*memory), passes: u32::from_be_bytes(*passes), salt: *salt, hash })
    }

    fn of(password: &str, memory_kib: u32, passes: u32, salt: [u8; SALT]) -> Result<Self, argon2::Error> {
        let params = Params::new(memory_kib, passes, 1, Some(LENGTH))?;
        let mut hash = [0; LENGTH];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            password.as_bytes(),
            &salt,
            &mut hash,
        )?;
        Ok(Self { memory_kib, passes, salt, hash })
    }

    fn is_of(&self, password: &str) -> bool {
        Self::of(password, self.memory_kib, self.passes, self.salt)
            .is_ok_and(|made| verify_slices_are_equal(&made.hash, &self.hash).is_ok())
    }
}

/// Makes and checks hashes.
#[derive(Clone)]
pub struct Hasher {
    memory_kib: u32,
    passes: u32,
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What a password is checked against where there is none, so that it takes the same time.
    nobody: Arc<Hash>,
}

impl Hasher {
    /// With the parameters of the settings.
    ///
    /// # Errors
    /// When argon2 refuses them.
    pub fn new(settings: &SignIn) -> Result<Self, argon2::Error> {
        let (memory_kib, passes) = (settings.argon2_memory_kib, settings.argon2_passes);
        let nobody = Hash::of("", memory_kib, passes, random())?;
        Ok(Self {
            memory_kib,
            passes,
            working: Arc::new(Semaphore::new(settings.hashers.max(1))),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            nobody: Arc::new(nobody),
        })
    }

    /// The hash of a password, already normalized.
    ///
    /// # Errors
    /// 503 while too many wait.
    pub async fn hash(&self, password: String) -> Result<Hash, ApiError> {
        let (memory_kib, passes) = (self.memory_kib, self.passes);
        let made = self.work(move || Hash::of(&password, memory_kib, passes, random())).await?;
        made.map_err(|_| ApiError::internal())
    }

    /// Whether the password is that of the hash; false without one, as late as with one.
    ///
    /// # Errors
    /// 503 while too many wait.
    pub async fn is_of(&self, password: String, hash: Option<Hash>) -> Result<bool, ApiError> {
        let nobody = self.nobody.clone();
        self.work(move || match hash {
            Some(hash) => hash.is_of(&password),
            None => {
                std::hint::black_box(nobody.is_of(&password));
                false
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let busy = || ApiError::unavailable("too many sign in at once", Duration::from_secs(1));
        let _place = self.waiting.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.working.clone().acquire_owned().await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| ApiError::internal())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_of_its_password_also_under_other_settings() {
        let quick = SignIn { argon2_memory_kib: 64, argon2_passes: 1, ..SignIn::default() };
        let hash = Hasher::new(&quick).unwrap().hash("correct horse".into()).await.unwrap();
        let kept = Hash::from_bytes(&hash.bytes()).unwrap();
        assert_eq!(kept, hash);
        let other = Hasher::new(&SignIn { argon2_memory_kib: 128, ..quick }).unwrap();
        assert!(other.is_of("correct horse".into(), Some(kept.clone())).await.unwrap());
        assert!(!other.is_of("correct horsf".into(), Some(kept)).await.unwrap());
        assert!(!other.is_of(String::new(), None).await.unwrap());
        assert_ne!(other.hash("correct horse".into()).await.unwrap().bytes(), hash.bytes());
        assert!(Hash::from_bytes(&[0; 55]).is_none());
    }
}
