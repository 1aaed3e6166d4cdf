//! Password hashing: argon2id on a few threads of its own, so that signing in never holds up anything else.
//!
//! The queue is bounded: what doesn't fit is 503 `overloaded` at once. A hash whose caller has gone is not computed.

mod argon;
mod foreign;
mod pool;

use std::sync::Arc;

use argon2::Params;
use basalt_core::random::{self, Random};
use basalt_core::{Code, Error, FieldError, Result};
use zxcvbn::Score;
use zxcvbn::matching::patterns::MatchPattern;

use self::argon::Memory;
pub(crate) use self::argon::Verdict;
pub(crate) use self::foreign::stored;
use self::pool::Pool;
use super::Secret;

/// Longer ones are refused rather than cut.
const PASSWORD_BYTES: usize = 1_024;

/// What a hash costs. The default is the first choice of OWASP's Password Storage Cheat Sheet for argon2id with one
/// lane: 19 MiB, two passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Hashes passwords; cheap to clone. The threads end with the last clone.
#[derive(Clone)]
pub struct Passwords {
    pool: Arc<Pool>,
    random: Arc<dyn Random>,
    params: Params,
}

impl Passwords {
    /// `threads` hashes at a time, up to `queue` waiting.
    pub fn start(threads: usize, queue: usize, cost: PasswordCost, random: Arc<dyn Random>) -> Result<Self> {
        let params =
            Params::new(cost.memory_kib, cost.passes, 1, Some(argon::OUTPUT_BYTES)).map_err(Error::internal)?;
        Ok(Self { pool: Pool::start(threads, queue)?, random, params })
    }

    /// How many passwords wait to be hashed.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    /// How many hashes were computed so far.
    pub fn computed(&self) -> u64 {
        self.pool.computed()
    }

    /// The hash of a new password as a PHC string, unless the password is refused: too short, too long, or one that
    /// is tried first (`inputs` are what everybody knows of the account).
    pub(crate) async fn hash_new(&self, password: &Secret, rules: NewPassword) -> Result<String> {
        check_length(password, &rules)?;
        let (password, params) = (password.clone(), self.params.clone());
        let salt = random::bytes::<16>(&*self.random);
        let job = move |memory: &mut Memory| {
            check_strength(&password, &rules)?;
            argon::hash(&password, &salt, &params, memory)
        };
        self.pool.run(job).await?
    }

    /// The hash of a password that was accepted before.
    pub(crate) async fn rehash(&self, password: &Secret) -> Result<String> {
        let (password, params) = (password.clone(), self.params.clone());
        let salt = random::bytes::<16>(&*self.random);
        self.pool.run(move |memory: &mut Memory| argon::hash(&password, &salt, &params, memory)).await?
    }

    /// Compares a password with a stored hash. Where there is none it is compared with nothing at the same cost, so
    /// that time does not tell.
    pub(crate) async fn verify(&self, password: &Secret, stored: Option<String>) -> Result<Verdict> {
        let (password, params) = (password.clone(), self.params.clone());
        let salt = random::bytes::<16>(&*self.random);
        let too_long = password.expose().len() > PASSWORD_BYTES;
        let job = move |memory: &mut Memory| match stored {
            Some(stored) if !too_long => match foreign::matches(&password, &stored) {
                None => argon::verify(&password, &stored, &params, memory),
                Some(Ok(true)) => Ok(Verdict::RightButOutdated),
                // Some of them are quick: that must not tell such an account from one that isn't there.
                Some(Ok(false)) => argon::derive(b"", &salt, &params, memory).map(|_| Verdict::Wrong),
                Some(Err(error)) => Err(error),
            },
            _ => argon::derive(b"", &salt, &params, memory).map(|_| Verdict::Wrong),
        };
        self.pool.run(job).await?
    }
}

/// What a new password has to stand up to.
#[derive(Clone, Debug)]
pub(crate) struct NewPassword {
    /// In characters.
    pub min_length: usize,
    /// The field of the request, as a JSON Pointer.
    pub path: &'static str,
    /// Addresses and names of the account.
    pub inputs: Vec<String>,
}

fn check_length(password: &Secret, rules: &NewPassword) -> Result<()> {
    if password.expose().len() > PASSWORD_BYTES {
        return Err(weak(rules.path, &format!("A password has at most {PASSWORD_BYTES} bytes.")));
    }
    if password.expose().chars().count() < rules.min_length {
        return Err(weak(rules.path, &format!("A password has at least {} characters.", rules.min_length)));
    }
    Ok(())
}

/// Refuses what guessers try first: guessed within a thousand tries, or nothing but one word of the list of leaked
/// passwords (also reversed or with letters swapped for digits).
fn check_strength(password: &Secret, rules: &NewPassword) -> Result<()> {
    let inputs: Vec<&str> = rules.inputs.iter().map(String::as_str).collect();
    let entropy = zxcvbn::zxcvbn(password.expose(), &inputs);
    let one_word = matches!(entropy.sequence(), [only] if matches!(only.pattern, MatchPattern::Dictionary(_)));
    if entropy.score() == Score::Zero || one_word {
        return Err(weak(rules.path, "This password is too easy to guess."));
    }
    Ok(())
}

fn weak(path: &str, message: &str) -> Error {
    Error::new(Code::WeakPassword, message).with_errors(vec![FieldError::new(path, "weak_password", message)])
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counting(AtomicU64);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let n = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            bytes.iter_mut().zip(n.iter().cycle()).for_each(|(byte, n)| *byte = *n);
        }
    }

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1 };

    fn passwords(cost: PasswordCost) -> Passwords {
        Passwords::start(1, 4, cost, Arc::new(Counting(AtomicU64::new(1)))).unwrap()
    }

    fn rules(inputs: &[&str]) -> NewPassword {
        let inputs = inputs.iter().map(ToString::to_string).collect();
        NewPassword { min_length: 8, path: "/password", inputs }
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_and_no_other() {
        let passwords = passwords(CHEAP);
        let secret = Secret::new("correct horse battery");
        let phc = passwords.hash_new(&secret, rules(&[])).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        assert_eq!(passwords.verify(&secret, Some(phc.clone())).await.unwrap(), Verdict::Right);
        let wrong = Secret::new("correct horse batterx");
        assert_eq!(passwords.verify(&wrong, Some(phc)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn hashes_are_salted_and_other_implementations_read_them() {
        use argon2::{Argon2, PasswordVerifier};
        let passwords = passwords(CHEAP);
        let secret = Secret::new("correct horse battery");
        let one = passwords.rehash(&secret).await.unwrap();
        assert_ne!(one, passwords.rehash(&secret).await.unwrap());
        let parsed = PasswordHash::new(&one).unwrap();
        Argon2::default().verify_password(secret.expose().as_bytes(), &parsed).unwrap();
    }

    #[tokio::test]
    async fn a_wrong_password_costs_one_hash_of_ours_whoever_made_the_stored_one() {
        let (passwords, hash) = (passwords(CHEAP), vec![0_u8; 64]);
        let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
        let stored = stored(serde_json::json!({"algorithm": "leancloud-sha512", "salt": "s", "hash": hash})).unwrap();
        let verdict = passwords.verify(&Secret::new("a long enough phrase"), Some(stored)).await.unwrap();
        assert_eq!((verdict, passwords.computed()), (Verdict::Wrong, 1));
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_right_but_outdated() {
        let secret = Secret::new("correct horse battery");
        let old = passwords(CHEAP).rehash(&secret).await.unwrap();
        let today = passwords(PasswordCost { memory_kib: 128, passes: 1 });
        assert_eq!(today.verify(&secret, Some(old)).await.unwrap(), Verdict::RightButOutdated);
    }

    #[tokio::test]
    async fn an_unknown_account_costs_one_hash_like_a_known_one() {
        let passwords = passwords(CHEAP);
        assert_eq!(passwords.verify(&Secret::new("whatever"), None).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.computed(), 1);
        let too_long = Secret::new("x".repeat(PASSWORD_BYTES + 1));
        assert_eq!(passwords.verify(&too_long, None).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.computed(), 2);
    }

    #[tokio::test]
    async fn foreign_hashes_are_errors_and_not_matches() {
        let passwords = passwords(CHEAP);
        for foreign in ["", "secret", "$2b$10$abc", "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"] {
            let error = passwords.verify(&Secret::new("secret"), Some(foreign.into())).await.unwrap_err();
            assert_eq!(error.code(), Code::Internal, "{foreign:?}");
        }
    }

    #[tokio::test]
    async fn weak_passwords_are_refused() {
        let passwords = passwords(CHEAP);
        let long = "x".repeat(PASSWORD_BYTES + 1);
        let inputs = ["annabellesmith@example.com", "annabellesmith"];
        for weak in ["", "short", "password", "12345678", "qwertyuiop", "aaaaaaaa", "P@ssw0rd", "annabellesmith", &long]
        {
            let error = passwords.hash_new(&Secret::new(weak), rules(&inputs)).await.unwrap_err();
            assert_eq!(error.code(), Code::WeakPassword, "{weak:?}");
            assert_eq!(error.errors()[0].path, "/password");
        }
        for good in ["correct horse battery", "Zq9!kd02", "пароль-пример-7", &"long-".repeat(200)] {
            assert!(passwords.hash_new(&Secret::new(good), rules(&inputs)).await.is_ok(), "{good:?}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once() {
        let passwords = passwords(PasswordCost { memory_kib: 4096, passes: 3 });
        let secret = Secret::new("x");
        let all = (0..32).map(|_| passwords.verify(&secret, None)).collect::<Vec<_>>();
        let outcomes = futures_util::future::join_all(all).await;
        let refused = outcomes.iter().filter(|o| o.as_ref().is_err_and(|e| e.code() == Code::Overloaded)).count();
        assert!(refused >= 32 - 4 - 2, "one running and four waiting: {refused} refused");
        assert!(outcomes.iter().any(Result::is_ok));
    }

    #[tokio::test]
    async fn a_panic_ends_one_job_only() {
        let passwords = passwords(CHEAP);
        let panicked = passwords.pool.run(|_| panic!("on purpose")).await;
        assert_eq!(panicked.map(|(): ()| ()).unwrap_err().code(), Code::Internal);
        assert_eq!(passwords.verify(&Secret::new("x"), None).await.unwrap(), Verdict::Wrong);
    }
}
