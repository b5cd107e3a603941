//! Pages: how much is on one, and the tokens that lead to the next.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{FakeAws, lock};

/// Where a next page begins, in whatever order its API has.
pub(super) type Position = [i64; 3];

#[derive(Default)]
pub(super) struct Paging {
    scripts: Mutex<HashMap<String, Script>>,
    tokens: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Script {
    empty: u32,
    short: f64,
    repeated: u32,
    lifetime: Option<Duration>,
    /// Tokens with a smaller number have expired.
    expired: u64,
}

/// What a token carries; it is of use only with the parameters that it was given for.
#[derive(Hash)]
struct Token {
    position: Position,
    issued: i64,
    number: u64,
}

impl Token {
    /// A client sees hexadecimal digits, the last of which prove that nobody but us wrote them.
    fn seal(&self, bound: u64) -> String {
        let [a, b, c] = self.position;
        let seal = hash(&(self, bound));
        format!("{a:016x}{b:016x}{c:016x}{:016x}{:016x}{seal:016x}", self.issued, self.number)
    }

    fn open(text: &str, bound: u64) -> Option<Self> {
        let mut fields = [0; 6];
        if text.len() != 16 * fields.len() || !text.is_ascii() {
            return None;
        }
        for (field, digits) in fields.iter_mut().zip(text.as_bytes().chunks(16)) {
            *field = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        let [a, b, c, issued, number, seal] = fields;
        let token = Self { position: [a, b, c].map(u64::cast_signed), issued: issued.cast_signed(), number };
        (hash(&(&token, bound)) == seal).then_some(token)
    }
}

/// What a token is bound to: who asks, and what.
pub(super) fn bound(request: &impl Debug) -> u64 {
    hash(&format!("{request:?}"))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl FakeAws {
    /// How many entries the page of `api` has that is made now, of at most `limit`. With none, a token follows in any case.
    pub(super) fn page_room(&self, api: &str, limit: usize) -> usize {
        let mut scripts = lock(&self.0.paging.scripts);
        let Some(script) = scripts.get_mut(api) else { return limit };
        if script.empty > 0 {
            script.empty -= 1;
            return 0;
        }
        if script.short == 0.0 {
            return limit;
        }
        let mut rng = lock(&self.0.rng);
        if rng.f64() < script.short { rng.usize(..limit) } else { limit }
    }

    /// The token of the page that begins at `position`; `asked` is the one that this page was asked with.
    pub(super) fn page_token(&self, api: &str, asked: Option<&str>, bound: u64, position: Position) -> String {
        let mut scripts = lock(&self.0.paging.scripts);
        if let (Some(asked), Some(script)) = (asked, scripts.get_mut(api))
            && script.repeated > 0
        {
            script.repeated -= 1;
            return asked.to_owned();
        }
        let number = self.0.paging.tokens.fetch_add(1, Ordering::Relaxed);
        Token { position, issued: self.0.clock.now_ms(), number }.seal(bound)
    }

    /// Where the page begins that a token leads to. `None`: not ours, of another request, or expired.
    pub(super) fn page_position(&self, api: &str, token: &str, bound: u64, lifetime: Duration) -> Option<Position> {
        let token = Token::open(token, bound)?;
        let script = lock(&self.0.paging.scripts).get(api).copied().unwrap_or_default();
        let age = Duration::from_millis(u64::try_from(self.0.clock.now_ms() - token.issued).unwrap_or(0));
        let expired = age > script.lifetime.unwrap_or(lifetime) || token.number < script.expired;
        (!expired).then_some(token.position)
    }

    /// The next `n` pages of `api` hold nothing, and lead to the next one, as AWS does while it searches.
    pub fn empty_pages(&self, api: &str, n: u32) {
        self.paging(api, |script| script.empty += n);
    }

    /// From now on a page of `api` holds fewer entries than it could by this chance (0 to 1), and may be empty.
    pub fn short_pages(&self, api: &str, chance: f64) {
        self.paging(api, |script| script.short = chance);
    }

    /// The next `n` pages of `api` that were asked for by a token, and are not the last, name that token as the next one.
    pub fn repeat_tokens(&self, api: &str, n: u32) {
        self.paging(api, |script| script.repeated += n);
    }

    /// How long tokens of `api` live from now on, instead of as long as in AWS.
    pub fn token_lifetime(&self, api: &str, lifetime: Duration) {
        self.paging(api, |script| script.lifetime = Some(lifetime));
    }

    /// Makes every token of `api` that was given so far expire now.
    pub fn expire_tokens(&self, api: &str) {
        let number = self.0.paging.tokens.load(Ordering::Relaxed);
        self.paging(api, |script| script.expired = number);
    }

    fn paging(&self, api: &str, change: impl FnOnce(&mut Script)) {
        change(lock(&self.0.paging.scripts).entry(api.to_owned()).or_default());
    }
}
