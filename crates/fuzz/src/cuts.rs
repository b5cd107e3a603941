//! Choices that depend on nothing but the input, so that a file alone repeats a failure.

/// Where to cut an input of that kind into pieces: ascending, at most eight, some of them at its ends or twice.
pub fn cuts(input: &[u8]) -> Vec<usize> {
    let mut random = random(input);
    let mut cuts: Vec<usize> = (0..random.usize(0..=8)).map(|_| random.usize(0..=input.len())).collect();
    cuts.sort_unstable();
    cuts
}

/// A generator that the input seeds.
pub fn random(input: &[u8]) -> fastrand::Rng {
    // FNV-1a.
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    fastrand::Rng::with_seed(input.iter().fold(0xcbf2_9ce4_8422_2325, hash))
}
