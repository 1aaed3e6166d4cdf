//! Hearing of deploys by other nodes.

use std::sync::Arc;

use basalt_core::Change;
use basalt_data::changes::Reader;

use crate::common::names::{AUDIT, FUNCTION_CODE, FUNCTION_VERSIONS, FUNCTIONS};
use crate::functions::Registry;
use crate::functions::secrets;

/// The reader of the log that has what is deployed, and the secrets, read anew when they were changed.
#[derive(Clone)]
pub struct Follow(pub(in crate::functions) Registry);

impl Reader for Follow {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        let ours = [&*FUNCTIONS, &*FUNCTION_VERSIONS, &*FUNCTION_CODE];
        let deployed = changes.iter().filter(|change| ours.contains(&&change.collection));
        if let Some(seq) = deployed.map(|change| change.seq).max() {
            self.0.changed(seq);
        }
        let of_secrets =
            |change: &Arc<Change>| change.collection == *AUDIT && change.id.as_str().starts_with(secrets::MARK);
        if changes.iter().any(of_secrets) {
            self.0.secrets_changed();
        }
    }

    fn reset(&mut self) {
        self.0.changed(0);
        self.0.secrets_changed();
    }
}
