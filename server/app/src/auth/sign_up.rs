use std::sync::Arc;
use std::time::Duration;

use basalt_core::document::check_fields;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result};
use basalt_data::collections::Compiled;
use serde_json::{Map, Value};

use super::session::{self, Session};
use super::settings::AuthSettings;
use super::signing_in::Method;
use super::user::{self, User, new_user, own_fields, set_identifiers, set_last_login};
use super::{Auth, Identifier, SignedIn, account, credential};
use crate::common::names::{OWNED, USERS};
use crate::common::{Device, Flow, NewPassword, Quota, Secret, Tx, network, refuse};

const HOUR: Duration = Duration::from_hours(1);

/// A person's own account: one identifier at least, a password, and the fields that are his.
#[derive(Clone, Debug)]
pub struct SignUp {
    pub identifiers: Vec<Identifier>,
    pub password: Secret,
    /// Never the server's fields: those are 403 `field_protected`.
    pub data: Map<String, Value>,
}

/// What a sign-up decides on.
struct Decision {
    identifiers: Vec<Identifier>,
    data: Map<String, Value>,
    phc: String,
    session: Session,
    /// The anonymous account that becomes a full one.
    upgrades: bool,
    settings: Arc<AuthSettings>,
}

impl Auth {
    /// Makes an account, or turns the caller's anonymous one into a full one with the same id, and signs in.
    pub async fn sign_up(&self, caller: &Caller, device: &Device, input: SignUp) -> Result<SignedIn> {
        let settings = self.parts.settings.get();
        if !settings.sign_up {
            return Err(Error::new(Code::SignUpDisabled, "Making accounts is switched off."));
        }
        if !settings.password {
            return Err(Error::new(Code::MethodDisabled, "Signing in by password is switched off."));
        }
        if input.identifiers.is_empty() {
            return Err(Error::new(Code::BadRequest, "Give an email or a username."));
        }
        let data = own_fields(input.data)?;
        check_fields(&data)?;
        self.take_sign_up(caller).await?;
        let phc = self.parts.passwords.hash_new(&input.password, self.new_password(&input.identifiers)).await?;
        let anonymous = caller.user().filter(|user| user.anonymous).map(|user| user.id.clone());
        let upgrades = anonymous.is_some();
        let id = anonymous.unwrap_or_else(|| self.parts.db.new_id());
        let data = self.own_data(caller, &id, &input.identifiers, data).await?;
        let session = self.new_session(caller, device, id, Method::Password);
        let opened = session.clone();
        let decision = Decision { identifiers: input.identifiers, data, phc, session, upgrades, settings };
        let outcome = self.parts.commit_users(caller, move |tx, users| decision.decide(tx, users)).await?;
        self.signed_in(caller, opened, outcome).await
    }

    /// The user's own fields, and claims, as hooks leave them.
    async fn own_data(
        &self,
        caller: &Caller,
        id: &DocumentId,
        identifiers: &[Identifier],
        data: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let mut next = new_user(false);
        next.extend(data);
        set_identifiers(&mut next, identifiers);
        let mut made = self.before_create(caller, id, next).await?;
        made.retain(|field, value| {
            let given = field == "claims" && value.as_object().is_some_and(|claims| !claims.is_empty());
            given || !OWNED.contains(&field.as_str())
        });
        Ok(made)
    }

    /// Counts a new account of the caller's network.
    pub(super) async fn take_sign_up(&self, caller: &Caller) -> Result<()> {
        let Some(ip) = caller.request.ip else { return Ok(()) };
        let most = self.parts.settings.get().limits.sign_ups_per_hour;
        let quota = Quota::new("sign-up", &network(ip), most, HOUR);
        self.parts.db.commit(caller, move |tx| quota.take(tx)).await?;
        Ok(())
    }

    /// What a new password of an account has to stand up to.
    pub(super) fn new_password(&self, identifiers: &[Identifier]) -> NewPassword {
        let mut inputs: Vec<String> = identifiers.iter().map(|identifier| identifier.canonical().to_owned()).collect();
        let parts: Vec<String> = inputs.iter().flat_map(|text| text.split('@')).map(str::to_owned).collect();
        inputs.extend(parts);
        NewPassword { min_length: self.parts.settings.get().password_min_length, path: "/password", inputs }
    }
}

impl Decision {
    fn decide(&self, tx: &mut Tx<'_>, users: &Compiled) -> Flow<(Arc<Document>, bool)> {
        let id = &self.session.user;
        let claims = self.identifiers.iter().map(account::claim_read);
        let own = [account::document_read(id), session::list_read(id), session::document_read(&self.session.id)];
        tx.need(claims.chain(own))?;
        let previous = self.previous(tx, id)?;
        let mut data = previous.as_ref().map_or_else(|| new_user(false), |previous| previous.data.clone());
        data.extend(self.data.clone());
        data.insert("anonymous".into(), false.into());
        set_identifiers(&mut data, &self.identifiers);
        set_last_login(&mut data, tx.now());
        for identifier in &self.identifiers {
            account::claim(tx, identifier, id)?;
        }
        let document = account::put(tx, users, id, previous.as_ref(), data)?;
        credential::set_password(tx, id, &self.phc);
        session::end_where(tx, id, |_| true)?;
        let opens = !self.settings.require_verified_email || User(&document).email().is_none();
        if opens {
            session::open(tx, &self.session, self.settings.limits.sessions_of_user)?;
        }
        Ok((document, opens))
    }

    /// The anonymous user that becomes a full one; it has to be one still.
    fn previous(&self, tx: &mut Tx<'_>, id: &DocumentId) -> Flow<Option<Arc<Document>>> {
        let stored = tx.document(&USERS, id)?;
        if !self.upgrades {
            return Ok(None);
        }
        let Some(stored) = stored else { return Err(super::principal::session_ended().into()) };
        let user = user::User(&stored);
        if user.disabled() {
            return refuse(Code::AccountDisabled, "This account is disabled.");
        }
        if !user.anonymous() {
            return refuse(Code::ConditionFailed, "This account is no longer anonymous.");
        }
        Ok(Some(stored))
    }
}
