use std::time::Duration;

use basalt_data::manifest::{AuthLimits, AuthSection};

/// How people sign up and in. The defaults hold where `[auth]` of the app says nothing.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each of which stands for itself")]
pub struct AuthSettings {
    /// Whether people may make accounts themselves.
    pub sign_up: bool,
    /// Whether accounts without credentials may be made.
    pub anonymous: bool,
    /// Whether passwords sign in.
    pub password: bool,
    /// Whether an address has to be proven before its holder gets a session.
    pub require_verified_email: bool,
    pub access_token_life: Duration,
    /// Of a whole session, from sign-in on, however often it is refreshed.
    pub refresh_token_life: Duration,
    /// How long a spent refresh token still gives its successor, for an answer that got lost.
    pub refresh_grace: Duration,
    /// In characters; passwords are at most 1,024 bytes.
    pub password_min_length: usize,
    /// `iss` of the tokens: the deployment's public URL, without a slash at its end.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    pub limits: Limits,
}

/// What one network or account may try. Networks are single IPv4 addresses and IPv6 /64s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// New accounts of one network in an hour, anonymous ones too.
    pub sign_ups_per_hour: u32,
    /// Wrong passwords of one account before it has to wait.
    pub tries_of_account: u32,
    /// Wrong passwords from one network before it has to wait.
    pub tries_of_network: u32,
    /// The longest that anybody has to wait.
    pub longest_wait: Duration,
    /// Sessions that one user has at a time; a further one ends the oldest.
    pub sessions_of_user: usize,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            sign_up: true,
            anonymous: false,
            password: true,
            require_verified_email: false,
            access_token_life: Duration::from_mins(15),
            refresh_token_life: Duration::from_hours(30 * 24),
            refresh_grace: Duration::from_secs(10),
            password_min_length: 8,
            issuer: "http://localhost:7070".into(),
            audience: "basalt".into(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sign_ups_per_hour: 100,
            tries_of_account: 5,
            tries_of_network: 50,
            longest_wait: Duration::from_mins(15),
            sessions_of_user: 100,
        }
    }
}

impl AuthSettings {
    /// The same with what `[auth]` of an app says.
    #[must_use]
    pub fn with_section(self, section: &AuthSection) -> Self {
        let min_length = section.password_min_length.and_then(|least| usize::try_from(least).ok());
        Self {
            sign_up: section.sign_up.unwrap_or(self.sign_up),
            anonymous: section.anonymous.unwrap_or(self.anonymous),
            password: section.password.unwrap_or(self.password),
            access_token_life: section.access_token_life.unwrap_or(self.access_token_life),
            refresh_token_life: section.refresh_token_life.unwrap_or(self.refresh_token_life),
            password_min_length: min_length.unwrap_or(self.password_min_length),
            limits: self.limits.with_section(&section.limits),
            ..self
        }
    }
}

impl Limits {
    fn with_section(self, section: &AuthLimits) -> Self {
        let sessions = section.sessions_of_user.and_then(|most| usize::try_from(most).ok());
        Self {
            sign_ups_per_hour: section.sign_ups_per_hour.unwrap_or(self.sign_ups_per_hour),
            tries_of_account: section.tries_of_account.unwrap_or(self.tries_of_account),
            tries_of_network: section.tries_of_network.unwrap_or(self.tries_of_network),
            longest_wait: section.longest_wait.unwrap_or(self.longest_wait),
            sessions_of_user: sessions.unwrap_or(self.sessions_of_user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_changes_what_it_says_and_no_more() {
        let section = AuthSection {
            anonymous: Some(true),
            access_token_life: Some(Duration::from_mins(5)),
            limits: AuthLimits { sessions_of_user: Some(3), ..AuthLimits::default() },
            ..AuthSection::default()
        };
        let settings = AuthSettings::default().with_section(&section);
        let expected = AuthSettings {
            anonymous: true,
            access_token_life: Duration::from_mins(5),
            limits: Limits { sessions_of_user: 3, ..Limits::default() },
            ..AuthSettings::default()
        };
        assert_eq!(settings, expected);
    }
}
