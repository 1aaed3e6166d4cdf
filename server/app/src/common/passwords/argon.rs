//! One hash: argon2id, as a PHC string.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use basalt_core::{Error, Result};
use subtle::ConstantTimeEq;

use crate::common::Secret;

/// A stored hash that costs more than this is not computed: it can't be one of ours.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 64;
pub(super) const OUTPUT_BYTES: usize = 32;

/// What came of comparing a password with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and the hash was made at another cost than today's.
    RightButOutdated,
}

/// The blocks that a thread keeps between hashes.
pub(super) struct Memory {
    blocks: Vec<Block>,
    computed: Arc<AtomicU64>,
}

impl Memory {
    /// `computed` counts the hashes of the whole pool.
    pub(super) fn new(computed: Arc<AtomicU64>) -> Self {
        Self { blocks: Vec::new(), computed }
    }

    fn of(&mut self, params: &Params) -> &mut [Block] {
        if self.blocks.len() < params.block_count() {
            self.blocks = Vec::new();
            self.blocks.resize(params.block_count(), Block::default());
        }
        &mut self.blocks
    }

    pub(super) fn free(&mut self) {
        self.blocks = Vec::new();
    }
}

pub(super) fn derive(password: &[u8], salt: &[u8], params: &Params, memory: &mut Memory) -> Result<[u8; OUTPUT_BYTES]> {
    let mut output = [0; OUTPUT_BYTES];
    memory.computed.fetch_add(1, Ordering::Relaxed);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, &mut output, memory.of(params))
        .map_err(Error::internal)?;
    Ok(output)
}

pub(super) fn hash(password: &Secret, salt: &[u8], params: &Params, memory: &mut Memory) -> Result<String> {
    let output = derive(password.expose().as_bytes(), salt, params, memory)?;
    let phc = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(Error::internal)?,
        salt: Some(Salt::new(salt).map_err(Error::internal)?),
        hash: Some(Output::new(&output).map_err(Error::internal)?),
    };
    Ok(phc.to_string())
}

/// Whether a hash that was made elsewhere is one that we compare.
pub(super) fn is_usable(stored: &str) -> bool {
    read(stored).is_ok()
}

pub(super) fn verify(password: &Secret, stored: &str, today: &Params, memory: &mut Memory) -> Result<Verdict> {
    let (params, salt, expected) = read(stored)?;
    let output = derive(password.expose().as_bytes(), &salt, &params, memory)?;
    if !bool::from(output.ct_eq(expected.as_bytes())) {
        return Ok(Verdict::Wrong);
    }
    let same = (params.m_cost(), params.t_cost(), params.p_cost()) == (today.m_cost(), today.t_cost(), today.p_cost());
    Ok(if same { Verdict::Right } else { Verdict::RightButOutdated })
}

fn read(stored: &str) -> Result<(Params, Salt, Output)> {
    let unreadable = |what: &str| Error::internal(format!("a stored password hash is unreadable: {what}"));
    let phc = PasswordHash::new(stored).map_err(|_| unreadable("not a PHC string"))?;
    let params = Params::try_from(&phc).map_err(|_| unreadable("its parameters"))?;
    let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else { return Err(unreadable("no salt or hash")) };
    let ours = phc.algorithm == ARGON2ID_IDENT
        && params.m_cost() <= MOST_MEMORY_KIB
        && params.t_cost() <= MOST_PASSES
        && expected.as_bytes().len() == OUTPUT_BYTES;
    if !ours {
        return Err(unreadable("not one of ours"));
    }
    Ok((params, salt, expected))
}
