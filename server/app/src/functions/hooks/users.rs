//! `beforeUser`: asked before an account is made, and before its user signs in.

use basalt_core::{Caller, DocumentId, Result};
use serde_json::{Map, Value, json};

use crate::functions::calls::Calls;
use crate::functions::{UserEvent, sticky};

/// The hooks of users, for the room that makes them.
#[derive(Clone)]
pub struct UserHooks(pub Calls);

impl UserHooks {
    /// Whether there is anybody to ask.
    pub fn concerns(&self, moment: UserEvent) -> bool {
        !self.0.registry.deployed().before_user(moment, 0).is_empty()
    }

    /// Before an account is made: its fields as they become.
    pub async fn create(
        &self,
        caller: &Caller,
        id: &DocumentId,
        next: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let mut now = next;
        for hook in self.0.registry.deployed().before_user(UserEvent::Create, sticky(&caller.request.id)) {
            let change = json!({"op": UserEvent::Create.as_str(), "id": id, "doc": null, "next": now});
            let returned = self.0.ask(caller, hook, &change).await?;
            now = returned.unwrap_or(now);
        }
        Ok(now)
    }

    /// Before a user signs in, who has shown that he is: an error keeps him out.
    pub async fn sign_in(&self, caller: &Caller, id: &DocumentId, doc: Map<String, Value>) -> Result<()> {
        for hook in self.0.registry.deployed().before_user(UserEvent::SignIn, sticky(&caller.request.id)) {
            let change = json!({"op": UserEvent::SignIn.as_str(), "id": id, "doc": doc, "next": doc});
            self.0.ask(caller, hook, &change).await?;
        }
        Ok(())
    }
}
