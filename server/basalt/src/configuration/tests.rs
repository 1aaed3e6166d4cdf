use super::*;

struct Case {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let sources = Sources { folder: folder.path().to_owned(), ..Sources::default() };
    Case { folder, sources }
}

impl Case {
    fn file(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("basalt.toml"), text).unwrap();
        self
    }
    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }
    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.settings.push((key.to_owned(), value.to_owned()));
        self
    }
    fn load(&self) -> Result<Configuration, Vec<String>> {
        Configuration::load(&self.sources)
            .map_err(|problems| problems.0.into_iter().map(|problem| problem.key).collect())
    }
}

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    assert_eq!(case().load().unwrap().listen.port(), 7070);
    let with_file = case().file("listen = \"127.0.0.1:1\"\n[limits]\nbody = \"4MB\"\n");
    assert_eq!(with_file.load().unwrap().listen.port(), 1);
    let with_variable = with_file.variable("BASALT_LISTEN", "127.0.0.1:2");
    assert_eq!(with_variable.load().unwrap().listen.port(), 2);
    let with_flag = with_variable.flag("listen", "127.0.0.1:3");
    let loaded = with_flag.load().unwrap();
    assert_eq!((loaded.listen.port(), loaded.limits.body), (3, Some(4 << 20)));
}

#[test]
fn every_problem_is_told_at_once_with_its_key() {
    let case = case()
        .file("listne = 1\nworkers = 0\n[limits]\nbody = 7\nbodies = 1\n[log]\nformat = \"xml\"\n[extra]\na = 1\n")
        .variable("BASALT_LISTEN", "nowhere")
        .variable("BASALT_LISTNE", "x")
        .variable("BASALT_TEST_POSTGRES", "ignored")
        .flag("publicUrl", "example.org/path")
        .flag("nope", "1");
    let mut keys = case.load().unwrap_err();
    keys.sort();
    assert_eq!(
        keys,
        [
            "BASALT_LISTNE",
            "extra",
            "limits.bodies",
            "limits.body",
            "listen",
            "listne",
            "log.format",
            "nope",
            "publicUrl",
            "workers",
        ]
    );
}

#[test]
fn secrets_come_from_files_too_and_are_never_shown() {
    let secret_file = case();
    let path = secret_file.folder.path().join("secret");
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let case = case()
        .variable("BASALT_SECRET_FILE", path.to_str().unwrap())
        .variable("BASALT_DATABASE_URL", "postgres://user:hunter2@db/basalt");
    let loaded = case.load().unwrap();
    assert_eq!(loaded.secret.as_ref().unwrap().expose(), SECRET);
    let shown = format!("{loaded:?}");
    assert!(!shown.contains(SECRET) && !shown.contains("hunter2"));
    assert_eq!(case.variable("BASALT_SECRET", SECRET).load().unwrap_err(), ["BASALT_SECRET_FILE"]);
}

#[test]
fn a_shared_database_needs_a_strong_secret() {
    let with_database = || case().variable("BASALT_DATABASE_URL", "postgres://db/basalt");
    assert_eq!(with_database().load().unwrap_err(), ["secret"]);
    assert_eq!(with_database().variable("BASALT_SECRET", "changeme").load().unwrap_err(), ["secret"]);
    assert!(with_database().variable("BASALT_SECRET", SECRET).load().is_ok());
    assert_eq!(case().variable("BASALT_DATABASE_URL", "mysql://x").load().unwrap_err(), ["databaseUrl"]);
}

#[test]
fn a_named_file_has_to_be_there_and_be_toml() {
    assert_eq!(case().variable("BASALT_CONFIG", "missing.toml").load().unwrap_err(), ["config"]);
    assert_eq!(case().file("listen = ").load().unwrap_err(), ["config"]);
}

#[test]
fn pages_of_localhost_are_let_in_while_only_loopback_is_listened_on() {
    let open = |configuration: &Configuration, app: Option<&[Origin]>| format!("{:?}", configuration.cors(app));
    let mut configuration = Configuration::default();
    assert!(open(&configuration, None).contains("localhost"));
    assert!(!open(&configuration, Some(&[])).contains("localhost"));
    configuration.listen = SocketAddr::from(([0, 0, 0, 0], 7070));
    assert!(!open(&configuration, None).contains("localhost"));
    assert_eq!(configuration.base_url(configuration.listen), "http://localhost:7070");
}

#[test]
fn what_may_be_reached_and_where_spans_go_is_set() {
    let case = case()
        .file("allowAddresses = [\"10.0.0.0/8\", \"fd00::/8\"]\notlpSampleRatio = 0.5\n")
        .variable("BASALT_OTLP_URL", "http://collector:4318")
        .variable("BASALT_OTLP_HEADERS", "Authorization=Bearer hunter2, x-tenant=a");
    let loaded = case.load().unwrap();
    assert_eq!((loaded.allow_addresses.len(), loaded.otlp.headers.len()), (2, 2));
    assert_eq!(loaded.otlp.headers[0].0, "authorization");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    let bad = case
        .variable("BASALT_ALLOW_ADDRESSES", "10.0.0.0/33")
        .variable("BASALT_OTLP_URL", "collector:4317")
        .variable("BASALT_OTLP_HEADERS", "no header")
        .variable("BASALT_OTLP_SAMPLE_RATIO", "2");
    let mut keys = bad.load().unwrap_err();
    keys.sort();
    assert_eq!(keys, ["allowAddresses", "otlpHeaders", "otlpSampleRatio", "otlpUrl"]);
}
