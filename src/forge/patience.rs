//! How long a forge is waited for, and how often it is asked again. Pure.

use jiff::Timestamp;
use std::time::Duration;
use ureq::http::HeaderMap;

/// How much patience there is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often is asked at most.
    pub times: u32,
    /// The first wait; each further one is twice as long.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { times: 6, first: Duration::from_secs(1), longest: Duration::from_mins(2) }
    }
}

/// What an answer that is none means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It will be no other one.
    Final,
    /// Too much was asked; after this time it will be heard, if that was said.
    Later(Option<Duration>),
    /// The forge, or something before it, is not well.
    Broken,
}

impl Refusal {
    /// Of a status code; none when all is well.
    #[must_use]
    pub fn of(status: u16, headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let asked = || {
            let after = number("retry-after").map(Duration::from_secs);
            after.or_else(|| {
                let reset = i64::try_from(number("x-ratelimit-reset")?).ok()?;
                let left = reset - Timestamp::now().as_second();
                Some(Duration::from_secs(u64::try_from(left).unwrap_or_default()))
            })
        };
        match status {
            200..=299 => None,
            429 => Some(Self::Later(asked())),
            // So GitHub says that there was too much of something.
            403 if number("retry-after").is_some() || number("x-ratelimit-remaining") == Some(0) => Some(Self::Later(asked())),
            500..=599 => Some(Self::Broken),
            _ => Some(Self::Final),
        }
    }
}

impl Patience {
    /// How long to wait after having asked so many times, at least as long as the forge asks for.
    ///
    /// # Errors
    /// What to add to the reason when there is no patience left.
    pub fn after(&self, times: u32, asked: Option<Duration>) -> Result<Duration, String> {
        if times >= self.times {
            return Err(String::new());
        }
        match asked {
            Some(asked) if asked > self.longest => {
                Err(format!(" and wants to be asked again in {} minutes only", asked.as_secs().div_ceil(60)))
            }
            asked => {
                let doubled = self.first.saturating_mul(1 << (times - 1).min(16)).min(self.longest);
                Ok(doubled.max(asked.unwrap_or_default()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&'static str, &str)]) -> Option<Refusal> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Refusal::of(status, &headers.collect())
    }

    #[test]
    fn only_what_may_become_otherwise_is_asked_again() {
        assert_eq!(of(201, &[]), None);
        for status in [400, 401, 403, 404, 409, 410, 422, 301] {
            assert_eq!(of(status, &[]), Some(Refusal::Final), "{status}");
        }
        for status in [500, 502, 503, 504] {
            assert_eq!(of(status, &[]), Some(Refusal::Broken), "{status}");
        }
        assert_eq!(of(429, &[]), Some(Refusal::Later(None)));
        assert_eq!(of(429, &[("retry-after", "7")]), Some(Refusal::Later(Some(Duration::from_secs(7)))));
        assert_eq!(of(403, &[("retry-after", "60")]), Some(Refusal::Later(Some(Duration::from_mins(1)))));
        assert_eq!(of(403, &[("x-ratelimit-remaining", "12")]), Some(Refusal::Final));
        let reset = (Timestamp::now().as_second() + 30).to_string();
        let Some(Refusal::Later(Some(wait))) = of(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)]) else { panic!() };
        assert!((28..=30).contains(&wait.as_secs()), "{wait:?}");
    }

    #[test]
    fn waits_grow_and_are_as_long_as_the_forge_asks_and_end() {
        let patience = Patience { times: 4, first: Duration::from_secs(1), longest: Duration::from_secs(30) };
        let waits: Vec<_> = (1..=4).map(|times| patience.after(times, None).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Ok(1), Ok(2), Ok(4), Err(String::new())]);
        assert_eq!(patience.after(1, Some(Duration::from_secs(20))), Ok(Duration::from_secs(20)));
        assert_eq!(patience.after(1, Some(Duration::from_mins(61))), Err(" and wants to be asked again in 61 minutes only".into()));
    }
}
