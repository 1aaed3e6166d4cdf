//! What all ways in have in common: the session that is opened and the answer that is given.

use std::sync::{Arc, LazyLock};

use basalt_core::{Caller, Document, DocumentId, Principal, Result};
use basalt_data::rules::{Binding, CompiledRules, NoFacts, ReadVerdict};
use basalt_expr::{Expression, Scope, Undeclared};

use super::access_token::{self, Grant};
use super::refresh_token::RefreshToken;
use super::session::Session;
use super::user::User;
use super::{Auth, SessionTokens, SignedIn};
use crate::common::names::USERS;
use crate::common::{Device, Guard, GuardLimits, Outcome, Tx};

/// How a session is opened: its `method`, and the `amr` of its tokens (RFC 8176).
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Password,
    Anonymous,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Anonymous => "anonymous",
        }
    }

    fn amr(self) -> Vec<String> {
        match self {
            Self::Password => vec!["pwd".to_owned()],
            Self::Anonymous => Vec::new(),
        }
    }
}

impl Auth {
    /// A session to be opened: drawn before the decision.
    pub(super) fn new_session(&self, caller: &Caller, device: &Device, user: DocumentId, method: Method) -> Session {
        let now = self.parts.db.now();
        Session {
            id: self.parts.db.new_id(),
            user,
            method: method.name().to_owned(),
            mfa: false,
            amr: method.amr(),
            created_at: now,
            authenticated_at: now,
            last_used_at: now,
            expires_at: now.plus(self.parts.settings.get().refresh_token_life),
            ip: caller.request.ip.map(|ip| ip.to_string()),
            agent: device.agent.clone(),
        }
    }

    /// The tokens of a session whose live refresh token is the `counter`-th.
    pub(super) fn tokens(
        &self,
        user: &Document,
        roles: Vec<String>,
        session: &Session,
        counter: u32,
    ) -> Result<SessionTokens> {
        let account = User(user);
        let grant = Grant {
            user: &user.id,
            session: &session.id,
            roles,
            claims: account.claims(),
            amr: session.amr.clone(),
            authenticated_at: session.authenticated_at,
        };
        let (key, settings) = (self.parts.keyring.signing(), self.parts.settings.get());
        let now = self.parts.db.now();
        let (access_token, expires_in) = access_token::sign(&key, &settings, &grant, session.expires_at, now)?;
        let token = RefreshToken { session: session.id.clone(), counter };
        let refresh_token = self.parts.keyring.refresh_key().seal(&token);
        Ok(SessionTokens { session: session.id.clone(), access_token, refresh_token, expires_in })
    }

    /// The answer after a session was opened (or, where something has to be proven first, was not).
    pub(super) async fn signed_in(
        &self,
        caller: &Caller,
        session: Session,
        outcome: Outcome<(Arc<Document>, bool)>,
    ) -> Result<SignedIn> {
        let (user, opened) = outcome.value;
        let roles = self.effective_roles(User(&user).roles()).await?;
        let tokens = if opened { Some(self.tokens(&user, roles.clone(), &session, 1)?) } else { None };
        let principal = Principal::User(Arc::new(User(&user).principal(&session, roles)));
        let himself = Caller { principal, request: caller.request.clone() };
        let user = self.shown(himself, Arc::unwrap_or_clone(user)).await?;
        Ok(SignedIn { user, session: tokens, seq: outcome.seq })
    }

    /// A user's document as he himself reads it: without hidden fields, and those that field rules keep from him.
    pub(super) async fn shown(&self, caller: Caller, document: Document) -> Result<Document> {
        let rules = own_profile(&self.parts.collections.any(&USERS)?.rules);
        let binding = Binding::new(caller);
        match rules.read(&binding, document.clone(), &NoFacts) {
            ReadVerdict::Readable(document) => return Ok(document.into_inner()),
            ReadVerdict::Hidden(denial) => return Err(denial.into_error(binding.caller())),
            ReadVerdict::Need(_) => {}
        }
        let read = move |tx: &mut Tx<'_>| tx.readable(&rules, &binding, document.clone());
        self.parts.db.inspect(read).await
    }

    /// The limits that a password of this account is tried under.
    pub(super) fn guard(&self, caller: &Caller, account: &str) -> Guard {
        let limits = &self.parts.settings.get().limits;
        let limits = GuardLimits {
            of_account: limits.tries_of_account,
            of_network: limits.tries_of_network,
            longest_wait: limits.longest_wait,
        };
        Guard::new("users", account, caller.request.ip, limits)
    }
}

/// The rules of `users` as they bind a user at his own profile: he may read it; an update rule that there is counts.
pub(super) fn own_profile(rules: &CompiledRules) -> CompiledRules {
    static ALWAYS: LazyLock<Option<Expression>> =
        LazyLock::new(|| Expression::compile("true", &Scope::default(), &Undeclared).ok());
    let mut rules = rules.clone();
    rules.get.clone_from(&ALWAYS);
    if rules.update.is_none() {
        rules.update.clone_from(&ALWAYS);
    }
    rules
}
