//! bolero's tests, driven by fixed seeds: its own engine takes seeds from the machine, so that no run is like another.

use std::{env, fmt::Debug, fs, path::PathBuf, time::Duration};

use bolero::{Engine, Test};
use bolero_engine::{Failure, driver::Options, input::Bytes, panic};
use fastrand::Rng;

use crate::mutate::mutate;

/// Inputs that are made for each target, if `QUITTANCE_FUZZ_INPUTS` does not say how many.
const INPUTS: u64 = 4000;

/// How long a failing input is made smaller.
const SHRINKING: Duration = Duration::from_secs(5);

/// Tries seeds and corpus, and what is made of them.
pub(crate) struct Mutations {
    target: String,
    /// One of so many inputs is tried.
    share: u64,
    seeds: Vec<Vec<u8>>,
    corpus: PathBuf,
}

impl Mutations {
    pub(crate) fn new(target: &str, share: u64, mut seeds: Vec<Vec<u8>>) -> Mutations {
        let root = env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests, and says of which crate they are");
        let corpus = PathBuf::from(root).join("tests/corpus").join(target);
        let mut files: Vec<PathBuf> =
            fs::read_dir(&corpus).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        // In an order that is that of no file system.
        files.sort();
        seeds.extend(files.iter().map(|file| fs::read(file).expect("a file of a corpus can be read")));
        Mutations { target: target.to_owned(), share, seeds, corpus }
    }
}

impl<T: Test> Engine<T> for Mutations
where
    T::Value: Debug,
{
    type Output = ();

    fn run(self, mut test: T, options: Options) {
        panic::set_hook();
        let forwarded = panic::forward_panic(false);
        let inputs = env::var("QUITTANCE_FUZZ_INPUTS").ok().and_then(|inputs| inputs.parse().ok()).unwrap_or(INPUTS);

        let made = (0..inputs / self.share).map(|seed| mutate(&self.seeds, &mut Rng::with_seed(seed)));
        let failure = self.seeds.iter().cloned().chain(made).find_map(|input| {
            let error = test.test(&mut Bytes::new(&input, &options)).err()?;
            let file = self.corpus.join("failed");
            // It is tried first from now on; whoever mends the fault gives it a name.
            let kept = fs::create_dir_all(&self.corpus).and_then(|()| fs::write(&file, &input));
            let shrunk = test.shrink(input.clone(), None, &options.clone().with_shrink_time(SHRINKING));
            let told = match shrunk {
                Some(failure) => failure.to_string(),
                None => Failure { error, input: String::from_utf8_lossy(&input), seed: None }.to_string(),
            };
            Some(format!("{}: {told}\nthe input is in {} ({kept:?})", self.target, file.display()))
        });
        panic::forward_panic(forwarded);
        if let Some(failure) = failure {
            panic!("{failure}");
        }
    }
}
