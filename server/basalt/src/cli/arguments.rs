use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A backend in one binary: sign-in, documents under rules, one change log.
#[derive(Parser)]
#[command(name = "basalt", version, about)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Args)]
pub(super) struct Global {
    /// Read settings from this file instead of ./basalt.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data folder [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<String>,
    /// Any setting by its key: --set limits.body=4MB.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair)]
    pub(super) set: Vec<(String, String)>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the server.
    Serve(Serve),
    /// The people of the console.
    #[command(subcommand)]
    Operator(Operator),
    /// Service keys, and the keys that sign tokens.
    #[command(subcommand)]
    Keys(Keys),
    /// Users.
    #[command(subcommand)]
    Users(Users),
    /// Print the documents of a collection, one a line.
    Export(Export),
    /// Read documents into a collection, one a line.
    Import(Import),
    /// Check the configuration, the database, the clock and the disk; changes nothing.
    Doctor(Doctor),
    /// Ask a server whether it is ready, over HTTP.
    Health(Health),
    /// Look at an app's rules without a server.
    #[command(subcommand)]
    Rules(Rules),
    /// Make an app's folder to begin with.
    Init(Init),
    /// Run a server on an app's folder, and deploy it anew on every save.
    Dev(Dev),
    /// Deploy an app's folder to a server.
    Deploy(Deploy),
    /// Write TypeScript types of a server's documents and functions, or of an app's folder.
    Types(Types),
    /// Run the cases in an app's tests folder on a server of their own.
    Test(Test),
    /// Functions.
    Functions(OnServer<Functions>),
    /// What functions are given and nobody else sees.
    Secrets(OnServer<Secrets>),
    /// Schedules.
    Schedules(OnServer<Schedules>),
    /// What functions log.
    Logs(LogsOnServer),
    /// Bring the database to this version (serve does so by itself).
    Upgrade(Upgrade),
    /// Print the OpenAPI document.
    Openapi,
}

impl Command {
    /// Whether it is about a server that somebody else runs, or its data.
    pub(super) fn is_beside(&self) -> bool {
        match self {
            Self::Operator(_)
            | Self::Keys(_)
            | Self::Users(_)
            | Self::Export(_)
            | Self::Import(_)
            | Self::Types(_)
            | Self::Functions(_)
            | Self::Secrets(_)
            | Self::Schedules(_)
            | Self::Logs(_) => true,
            Self::Serve(_)
            | Self::Doctor(_)
            | Self::Health(_)
            | Self::Rules(_)
            | Self::Init(_)
            | Self::Dev(_)
            // Where it goes is said, or it is a server proper.
            | Self::Deploy(_)
            | Self::Test(_)
            | Self::Upgrade(_)
            | Self::Openapi => false,
        }
    }
}

#[derive(Args)]
pub(super) struct Serve {
    /// The address to listen on [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// Apply the app.toml of this folder first.
    #[arg(long, value_name = "DIR")]
    pub(super) app: Option<String>,
    /// Keep files on this machine's disk beside a PostgreSQL database: there is no other node.
    #[arg(long)]
    pub(super) single_node: bool,
}

/// Which server: by its URL, or else the one that runs on the data folder of this machine.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Remote {
    /// The server's URL, such as https://api.example.org [default: BASALT_URL, or the server on the data folder].
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// A service key with the scope admin, and to invoke functions functions:write [default: BASALT_KEY].
    #[arg(long, global = true, value_name = "KEY", hide_default_value = true)]
    pub(super) key: Option<String>,
}

#[derive(Args)]
pub(super) struct Init {
    /// Where [default: this folder].
    pub(super) folder: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Dev {
    /// The app's folder [default: this one].
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
    /// The address to listen on [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// Also write TypeScript types into this file, after each deploy.
    #[arg(long, value_name = "FILE")]
    pub(super) types: Option<PathBuf>,
    /// Look for changes instead of being told of them, where the system tells of none (some shared folders).
    #[arg(long)]
    pub(super) poll: bool,
}

#[derive(Args)]
pub(super) struct Deploy {
    /// The app's folder [default: this one].
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    pub(super) plan: bool,
    /// What may be taken away, such as collection:notes (with its documents), function:old or bucket:images.
    #[arg(long, value_name = "THING", value_delimiter = ',')]
    pub(super) remove: Vec<String>,
    /// Whose breaking changes and open rules are meant, such as collection:notes or function:add.
    #[arg(long, value_name = "THING", value_delimiter = ',')]
    pub(super) acknowledge: Vec<String>,
    /// The alias that new versions of functions are put behind [default: live].
    #[arg(long)]
    pub(super) alias: Option<String>,
    /// Apply without asking.
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Args)]
pub(super) struct Types {
    /// Where to write [default: standard output]. Functions without schemas have the types of their code, which is named
    /// as this file sees it.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Write nothing, and fail when the file is not up to date.
    #[arg(long, requires = "out")]
    pub(super) check: bool,
    /// Of an app's folder instead of a running server [default: the server on the data folder; where there is none, this
    /// folder].
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(super) app: Option<PathBuf>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Args)]
pub(super) struct Test {
    /// The app's folder [default: this one].
    #[arg(default_value = ".")]
    pub(super) folder: PathBuf,
    /// Only cases whose name holds this.
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,
}

#[derive(Args)]
pub(super) struct OnServer<T: Subcommand> {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: T,
}

#[derive(Subcommand)]
pub(super) enum Functions {
    /// List functions.
    List,
    /// Deploy single files, such as functions/add.ts; the rest of an app stays as it is.
    Deploy {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The alias that new versions are put behind [default: live].
        #[arg(long)]
        alias: Option<String>,
        /// Functions that everybody may call from now on, where that is meant.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        acknowledge: Vec<String>,
    },
    /// Call a function and print its result.
    Invoke {
        name: String,
        /// JSON [default: null].
        input: Option<String>,
        #[arg(long)]
        alias: Option<String>,
    },
    /// Put an alias back to the version before, or to one that is named.
    Rollback {
        name: String,
        #[arg(long)]
        alias: Option<String>,
        #[arg(long, value_name = "NUMBER")]
        version: Option<u32>,
    },
    /// What a function logs.
    Logs {
        name: String,
        /// Go on showing what comes.
        #[arg(long, short)]
        follow: bool,
        /// debug, info, warn or error: these and worse.
        #[arg(long)]
        level: Option<String>,
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
}

#[derive(Subcommand)]
pub(super) enum Secrets {
    /// Set a secret; its value is read from standard input.
    Set {
        name: String,
        /// Only for functions that are called by this alias.
        #[arg(long)]
        alias: Option<String>,
    },
    /// List the names of secrets.
    List,
    /// Take a secret away.
    Delete {
        name: String,
        #[arg(long)]
        alias: Option<String>,
    },
}

#[derive(Subcommand)]
pub(super) enum Schedules {
    /// List schedules.
    List,
    /// Run one now.
    Run { name: String },
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct Logs {
    /// Only this function's.
    #[arg(long)]
    pub(super) function: Option<String>,
    /// Only of this call.
    #[arg(long, value_name = "ID")]
    pub(super) invocation: Option<String>,
    /// debug, info, warn or error: these and worse.
    #[arg(long)]
    pub(super) level: Option<String>,
    /// Only lines that hold this text.
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,
    /// Go on showing what comes.
    #[arg(long, short)]
    pub(super) follow: bool,
    #[arg(long, default_value_t = 100)]
    pub(super) limit: u32,
}

#[derive(Args)]
pub(super) struct LogsOnServer {
    #[command(flatten)]
    pub(super) logs: Logs,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Args)]
pub(super) struct Doctor {
    /// Also look whether every file has its bytes, and how many bytes have no file.
    #[arg(long)]
    pub(super) files: bool,
}

#[derive(Args)]
pub(super) struct Export {
    pub(super) collection: String,
    /// A condition in CEL, such as "status == 'open'".
    #[arg(long)]
    pub(super) filter: Option<String>,
    /// Compress what is printed.
    #[arg(long)]
    pub(super) gzip: bool,
}

#[derive(Args)]
pub(super) struct Import {
    pub(super) collection: String,
    /// A file of NDJSON, compressed by gzip or not; - reads standard input.
    pub(super) file: String,
    /// create, replace or upsert.
    #[arg(long, default_value = "create")]
    pub(super) mode: String,
    /// Don't ask before-hooks.
    #[arg(long)]
    pub(super) no_hooks: bool,
    /// Go on with this line.
    #[arg(long, default_value_t = 1, value_name = "LINE")]
    pub(super) from: u64,
}

#[derive(Subcommand)]
pub(super) enum Operator {
    /// Add an operator.
    Create {
        #[arg(long)]
        email: String,
        /// viewer, editor or owner.
        #[arg(long, default_value = "owner")]
        role: String,
        /// Read the password from standard input; else one is made and printed once.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List operators.
    List,
}

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Make a service key; it is printed once.
    Create {
        /// Such as '*', admin, documents:read or documents:write:orders; several separated by commas.
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        #[arg(long, default_value = "command line")]
        name: String,
        /// When it ends, such as 30d.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List service keys.
    List,
    /// Revoke a service key.
    Revoke { id: String },
    /// Sign tokens with a new key; those of the former keys stay good until they end.
    Rotate {
        /// Refuse the tokens of the former keys at once (after a leak).
        #[arg(long)]
        drop_former: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum Users {
    /// List users.
    List {
        /// A condition in CEL, such as "disabled == true".
        #[arg(long)]
        filter: Option<String>,
        #[arg(long)]
        limit: Option<u32>,
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Make a user.
    Create {
        #[arg(long, required_unless_present = "username")]
        email: Option<String>,
        #[arg(long)]
        username: Option<String>,
        #[arg(long, value_delimiter = ',')]
        roles: Vec<String>,
        /// Read the password from standard input; else one is made and printed once.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Disable a user (an id or an e-mail address): all sessions end at once, for good.
    Disable { user: String },
    /// Let a disabled user in again.
    Enable { user: String },
}

#[derive(Subcommand)]
pub(super) enum Rules {
    /// Check the app.toml of a folder, and say who can do what.
    Check { folder: PathBuf },
    /// Run the cases in a folder's rules.test.toml or rules.test.json.
    Test {
        folder: PathBuf,
        /// Another file of cases.
        #[arg(long, value_name = "FILE")]
        cases: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(super) struct Health {
    /// Where it listens [default: the configured address].
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
}

#[derive(Args)]
pub(super) struct Upgrade {
    /// Only say what would be done.
    #[arg(long)]
    pub(super) check: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("has to be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
