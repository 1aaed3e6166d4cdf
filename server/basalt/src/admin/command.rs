use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One thing to do. Passwords travel in it, over a socket that only the server's own user may open.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum AdminCommand {
    OperatorCreate {
        email: String,
        role: String,
        password: String,
    },
    OperatorList,
    KeyCreate {
        name: String,
        scopes: Vec<String>,
        /// `30d`; without it the key has no end.
        expires_in: Option<String>,
    },
    KeyList,
    KeyRevoke {
        id: String,
    },
    /// Signs tokens with a new key from now on.
    KeyRotate {
        /// Refuses the tokens that the former keys signed, at once.
        drop_former: bool,
    },
    UserList {
        filter: Option<String>,
        limit: Option<u32>,
        cursor: Option<String>,
    },
    UserCreate {
        email: Option<String>,
        username: Option<String>,
        password: Option<String>,
        roles: Vec<String>,
        data: Map<String, Value>,
    },
    UserDisable {
        /// An id, or an e-mail address.
        user: String,
        disabled: bool,
    },
    /// Whether the server and its database are well.
    Doctor,
    /// Whether every file has its bytes.
    FilesVerify,
    /// Where the server listens, and a key for as long as a command takes. Only a running server answers it.
    Session,
}

/// The name alone: what goes with it may be secret.
impl std::fmt::Debug for AdminCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OperatorCreate { .. } => "OperatorCreate",
            Self::OperatorList => "OperatorList",
            Self::KeyCreate { .. } => "KeyCreate",
            Self::KeyList => "KeyList",
            Self::KeyRevoke { .. } => "KeyRevoke",
            Self::KeyRotate { .. } => "KeyRotate",
            Self::UserList { .. } => "UserList",
            Self::UserCreate { .. } => "UserCreate",
            Self::UserDisable { .. } => "UserDisable",
            Self::Doctor => "Doctor",
            Self::FilesVerify => "FilesVerify",
            Self::Session => "Session",
        })
    }
}
