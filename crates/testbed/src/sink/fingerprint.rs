//! A fast hash of a message, for telling distinct events from repeated ones.
//!
//! Not for adversaries: it multiplies 16 bytes at a time and folds the product, as the wyhash family
//! does. It is the same in every process, so expectations can be written down beforehand.

const SECRETS: [u64; 4] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The 64-bit fingerprint of a message.
pub fn fingerprint(message: &[u8]) -> u64 {
    let (blocks, tail) = message.as_chunks::<32>();
    // The length tells a message from the same one padded with zeros.
    let mut state = (SECRETS[0], SECRETS[1] ^ message.len() as u64);
    for block in blocks {
        state = mix(state, block);
    }
    let mut last = [0; 32];
    last[..tail.len()].copy_from_slice(tail);
    state = mix(state, &last);
    fold(state.0 ^ SECRETS[2], state.1 ^ SECRETS[3])
}

fn mix((a, b): (u64, u64), block: &[u8; 32]) -> (u64, u64) {
    let (words, _) = block.as_chunks::<8>();
    let word = |index: usize| u64::from_le_bytes(words[index]);
    (fold(a ^ word(0), word(1) ^ SECRETS[2]), fold(b ^ word(2), word(3) ^ SECRETS[3]))
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
