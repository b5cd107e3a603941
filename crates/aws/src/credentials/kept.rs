//! Credentials that are kept until they end, and renewed long before.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, Result, SharedCredentialsProvider, error::CredentialsError, future},
};
use quittance_core::{Class, Clock, planted};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{AwsError, codes};

/// Credentials are not used for a call that begins so shortly before their end.
const MARGIN: Duration = Duration::from_secs(5);

/// None are renewed sooner; and what AWS refuses again and again although it is younger is not refused for its age.
const YOUNG: Duration = Duration::from_secs(60);

/// How old credentials must be, the second time in a row that young ones are refused, for others to be asked for. Then it doubles.
const SECOND_REFUSAL: Duration = Duration::from_secs(1);

/// Waits between attempts to renew, while the old ones serve.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// Asks a source of credentials as seldom as it may: at half of their life in the background, while the old ones serve, and
/// at once when there are none. Whoever needs them at the same time shares one question and its answer.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Inner>);

struct Inner {
    /// Whose credentials they are, for messages.
    whose: String,
    source: SharedCredentialsProvider,
    /// How long they live, if that is known better than by comparing clocks.
    life: Option<Duration>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by whoever asks the source.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The last failure, and when it was.
    failed: Option<(Instant, SignInError)>,
    renewing: bool,
    pause: Option<Duration>,
    /// How old credentials must be for their refusal to mean that they are over.
    least_age: Duration,
}

struct Held {
    credentials: Credentials,
    since: Instant,
    renew_at: Option<Instant>,
    ends: Option<Instant>,
}

impl Held {
    fn serves(&self, now: Instant) -> bool {
        self.ends.is_none_or(|end| now + MARGIN < end)
    }
}

impl Kept {
    /// Keeps what `source` gives.
    pub(crate) fn new(
        whose: String,
        source: impl ProvideCredentials + 'static,
        life: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Kept {
        let source = SharedCredentialsProvider::new(source);
        let (state, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Kept(Arc::new(Inner { whose, source, life, clock, state, turn }))
    }

    async fn serve(&self) -> Result {
        let now = self.0.clock.now();
        {
            let mut state = self.state();
            let State { held, renewing, .. } = &mut *state;
            if let Some(held) = held.as_ref().filter(|held| held.serves(now)) {
                if !*renewing && held.renew_at.is_some_and(|at| at <= now) {
                    *renewing = true;
                    tokio::spawn(self.clone().renew(held.credentials.access_key_id().to_owned()));
                }
                return Ok(held.credentials.clone());
            }
        }
        self.ask(None).await.map_err(CredentialsError::from)
    }

    /// Other credentials than those with the key that AWS refused, if there are any.
    pub(crate) async fn instead_of(&self, refused: &str) -> Option<Credentials> {
        let now = self.0.clock.now();
        {
            // Sessions may be revoked at any age; but whoever refuses everything must not have STS asked for every call.
            let State { held, least_age, .. } = &mut *self.state();
            if let Some(held) = held.as_ref().filter(|held| held.credentials.access_key_id() == refused) {
                let age = now.saturating_duration_since(held.since);
                if age < *least_age {
                    return None;
                }
                *least_age = match age < 2 * YOUNG {
                    true => (*least_age * 2).clamp(SECOND_REFUSAL, YOUNG),
                    false => Duration::ZERO,
                };
            }
        }
        let other = self.ask(Some(refused)).await.ok()?;
        // An instance gives the same ones until their time comes.
        (other.access_key_id() != refused).then_some(other)
    }

    async fn renew(self, old: String) {
        let outcome = self.ask(Some(&old)).await;
        let now = self.0.clock.now();
        let whose = &self.0.whose;
        let mut state = self.state();
        state.renewing = false;
        match outcome {
            Ok(_) => {
                if state.pause.take().is_some() {
                    info!(whose, "credentials renewed");
                }
            }
            Err(error) => {
                let pause = state.pause.map_or(PAUSE.0, |pause| (pause * 2).min(PAUSE.1));
                if let Some(held) = &mut state.held {
                    held.renew_at = Some(now + pause);
                    if held.ends.is_some() && pause == PAUSE.0 {
                        let left = held.ends.map(|end| end.saturating_duration_since(now).as_secs());
                        let error = quittance_core::chain(&error);
                        warn!(
                            code = %codes::SIGN_IN_LATER,
                            whose,
                            left_seconds = left,
                            error,
                            "credentials are not renewed yet; the old ones serve until they end"
                        );
                    }
                }
                state.pause = Some(pause);
            }
        }
    }

    /// Asks the source, unless someone else just did. `unwanted` names a key that is not good enough.
    async fn ask(&self, unwanted: Option<&str>) -> std::result::Result<Credentials, SignInError> {
        let began = self.0.clock.now();
        let _turn = self.0.turn.lock().await;
        let asked = self.0.clock.now();
        {
            let state = self.state();
            let wanted = |held: &&Held| {
                planted("expired-credentials-kept")
                    || held.serves(asked) && Some(held.credentials.access_key_id()) != unwanted
            };
            if let Some(held) = state.held.as_ref().filter(wanted) {
                return Ok(held.credentials.clone());
            }
            if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at > began) {
                return Err(error.clone());
            }
        }
        let answer = self.0.source.provide_credentials().await;
        let now = self.0.clock.now();
        let mut state = self.state();
        match answer {
            Ok(credentials) => {
                // An end that has passed already is our clock's mistake.
                let by_clock = || {
                    let left = credentials.expiry()?.duration_since(self.0.clock.wall()).unwrap_or_default();
                    Some(left.max(YOUNG))
                };
                let life = self.0.life.or_else(by_clock);
                let renew_at = life.map(|life| asked + (life / 2).max(YOUNG));
                let ends = life.map(|life| asked + life);
                state.held = Some(Held { credentials: credentials.clone(), since: now, renew_at, ends });
                state.failed = None;
                Ok(credentials)
            }
            Err(error) => {
                let error = SignInError::of(error);
                state.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.serve())
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials of {}", self.0.whose)
    }
}

/// Why there are no credentials. The SDK carries it inside what looks like a fault of the network.
#[derive(Clone, Debug)]
pub(crate) struct SignInError(Arc<AwsError>);

impl SignInError {
    /// What a source said: our own error, or one of the SDK's chain.
    fn of(error: CredentialsError) -> SignInError {
        match find::<SignInError>(&error) {
            Some(ours) => ours.clone(),
            None => SignInError::from(AwsError::ambient(error)),
        }
    }

    /// What to do about it.
    pub(crate) fn class(&self) -> Class {
        self.0.class()
    }
}

impl From<AwsError> for SignInError {
    fn from(error: AwsError) -> SignInError {
        SignInError(Arc::new(error))
    }
}

impl From<SignInError> for CredentialsError {
    fn from(error: SignInError) -> CredentialsError {
        CredentialsError::provider_error(error)
    }
}

impl fmt::Display for SignInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SignInError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// The first error of this type among `error` and its causes.
pub(crate) fn find<'e, T: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
