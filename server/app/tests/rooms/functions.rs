//! What is deployed: versions, aliases, code and secrets, with a runtime that prepares and never runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_app::functions::{
    AliasName, DeployPlan, DeployRequest, DeployedBy, FunctionName, InvocationOutcome, InvocationQuery,
    InvocationRecord, InvokedBy, Kind, Registry, RegistryParts, Rollback, SecretName, Share,
};
use basalt_app::{Db, MasterSecret, Secret};
use basalt_core::principal::OperatorRole;
use basalt_core::{Clock, Code as ErrorCode, CollectionName, Error, FieldError, Result};
use basalt_data::changes::Reader;
use basalt_data::manifest::FunctionsSection;
use basalt_runtime::{
    BoxFuture, Code, CodeId, Declaration, FunctionRuntime, HostApi, Invocation, Outcome, Prepared, Report,
    RuntimeStats, Sources,
};
use basalt_store::Store;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::world::{World, both, code};

/// A source is a list of declarations in JSON.
#[derive(Default)]
struct Fake {
    evicted: Mutex<Vec<CodeId>>,
}

impl FunctionRuntime for Fake {
    fn prepare(&self, sources: Sources) -> BoxFuture<'_, Result<Prepared>> {
        Box::pin(async move {
            let text = String::from_utf8(sources.files[&sources.entry].to_vec()).unwrap();
            let broken = |error: serde_json::Error| {
                let fault = FieldError::new(format!("/{}", sources.entry), "syntax", error.to_string());
                Error::new(ErrorCode::InvalidDefinition, "broken").with_errors(vec![fault])
            };
            let declared: Vec<Value> = serde_json::from_str(&text).map_err(broken)?;
            let declarations = declared.into_iter().map(|one| Declaration {
                export: one["export"].as_str().unwrap().to_owned(),
                kind: serde_json::from_value(one.get("kind").cloned().unwrap_or(json!("callable"))).unwrap(),
                subject: one["subject"].as_str().map(str::to_owned),
                options: one["options"].clone(),
            });
            let declarations = declarations.collect();
            let modules = BTreeMap::from([(sources.entry.clone(), text.clone())]);
            let code = Code::Script {
                id: CodeId(format!("code of {text}")),
                entry: sources.entry,
                sources: modules.clone(),
                modules,
                maps: BTreeMap::new(),
            };
            Ok(Prepared { code, declarations })
        })
    }

    fn invoke(&self, _: Invocation, _: Arc<dyn HostApi>) -> BoxFuture<'_, Report> {
        Box::pin(async {
            Report {
                outcome: Outcome::Overloaded,
                cold: false,
                wall: Duration::ZERO,
                cpu: Duration::ZERO,
                peak_memory: 0,
                host_calls: 0,
                logs_dropped: 0,
            }
        })
    }

    fn evict(&self, code: &CodeId) {
        self.evicted.lock().unwrap().push(code.clone());
    }

    fn stats(&self) -> RuntimeStats {
        RuntimeStats::default()
    }
}

struct Place {
    registry: Registry,
    runtime: Arc<Fake>,
}

async fn open(world: &World, store: &Store) -> Place {
    let runtime = Arc::new(Fake::default());
    let db = Db::new(store.clone(), world.db.clock.clone(), world.db.random.clone());
    let master = MasterSecret::from_text("a master secret of the tests, long enough").unwrap();
    let registry = Registry::open(RegistryParts { db, master, runtime: runtime.clone() }).await.unwrap();
    Place { registry, runtime }
}

fn request(files: &[(&str, Value)]) -> DeployRequest {
    let files = files.iter().map(|(name, source)| (format!("functions/{name}.ts"), Bytes::from(source.to_string())));
    DeployRequest {
        files: files.collect(),
        settings: FunctionsSection::default(),
        settings_at: "/functions",
        alias: AliasName::live(),
        remove: BTreeSet::new(),
        acknowledge: BTreeSet::new(),
        by: DeployedBy::Call,
    }
}

fn add(rule: &str) -> Value {
    json!([{"export": "add", "options": {"invoke": rule}}])
}

fn name(text: &str) -> FunctionName {
    FunctionName::parse(text).unwrap()
}

fn told(plan: &DeployPlan) -> Vec<(String, &'static str, u32)> {
    plan.items().iter().map(|item| (item.function.to_string(), item.change.as_str(), item.version)).collect()
}

impl Place {
    async fn deploy(&self, world: &World, request: DeployRequest) -> Result<DeployPlan> {
        let owner = world.operator(OperatorRole::Owner);
        let plan = self.registry.plan(&owner, request).await?;
        self.registry.apply(&owner, plan).await
    }

    fn live(&self, function: &str) -> u32 {
        self.registry.resolve(function, None, 0).unwrap().version.number
    }
}

async fn count(world: &World, collection: &str) -> usize {
    let list = basalt_store::List {
        collection: CollectionName::parse(collection).unwrap(),
        filter: basalt_core::filter::Filter::True,
        search: None,
        sort: Vec::new(),
        limit: 1_000,
        after: None,
        count: false,
    };
    world.node.store.list(list).await.unwrap().documents.len()
}

#[tokio::test]
async fn the_same_again_changes_nothing_and_what_differs_is_a_new_version() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let first = place.deploy(&world, request(&[("a", add("auth != null"))])).await.unwrap();
        assert_eq!(told(&first), [("add".to_owned(), "added", 1)]);
        let end = world.node.store.changes(0, 1_000).await.unwrap().len();
        let again = place.deploy(&world, request(&[("a", add("auth != null"))])).await.unwrap();
        assert_eq!(told(&again), [("add".to_owned(), "unchanged", 1)]);
        assert_eq!(world.node.store.changes(0, 1_000).await.unwrap().len(), end, "nothing was written");
        let changed = place.deploy(&world, request(&[("a", add("auth.id == 'ann'"))])).await.unwrap();
        assert_eq!(told(&changed), [("add".to_owned(), "changed", 2)]);
        assert_eq!(changed.items()[0].breaking.len(), 1, "{changed:?}");
        // What was there already is no new version.
        let back = place.deploy(&world, request(&[("a", add("auth != null"))])).await.unwrap();
        assert_eq!(told(&back), [("add".to_owned(), "changed", 1)]);
        assert_eq!(place.live("add"), 1);
        assert_eq!(count(&world, "_function_versions").await, 2);
        let code = place.registry.resolve("add", None, 0).unwrap().version.code.clone().unwrap();
        assert_eq!(*place.registry.code(&code).await.unwrap().id(), code);
    })
    .await;
}

#[tokio::test]
async fn what_opens_a_function_to_everybody_is_acknowledged_first() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        place.deploy(&world, request(&[("a", add("auth != null"))])).await.unwrap();
        let open = request(&[("a", add("true"))]);
        let refused = place.deploy(&world, open.clone()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PlanRefused);
        assert_eq!(refused.extensions()["acknowledge"], json!(["add.invoke"]));
        assert_eq!(place.live("add"), 1);
        let acknowledge = BTreeSet::from(["add.invoke".to_owned()]);
        place.deploy(&world, DeployRequest { acknowledge, ..open }).await.unwrap();
        assert_eq!(place.live("add"), 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_deployed_of_what_has_a_fault() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let bad = json!([{"export": "bad", "options": {"invoke": "nope", "timeout": "1y"}}]);
        let error = place.deploy(&world, request(&[("a", add("true")), ("b", bad)])).await.unwrap_err();
        let mut paths: Vec<_> = error.errors().iter().map(|fault| fault.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/functions/b.ts/bad/invoke", "/functions/b.ts/bad/timeout"]);
        assert!(error.errors().iter().all(|fault| fault.line == Some(1) && fault.column > Some(1)), "{error:?}");
        let twice = place.deploy(&world, request(&[("a", add("true")), ("b", add("true"))])).await.unwrap_err();
        assert_eq!(twice.errors()[0].path, "/functions/b.ts/add");
        let broken = request(&[("a", json!("no list")), ("b", json!(1)), ("c", add("true"))]);
        let broken = place.deploy(&world, broken).await.unwrap_err();
        assert_eq!(broken.errors().len(), 2, "of all files at once: {broken:?}");
        let missing = DeployRequest { remove: BTreeSet::from(["gone".to_owned()]), ..request(&[]) };
        assert_eq!(code(place.deploy(&world, missing).await), "invalid_definition");
        assert_eq!(count(&world, "_functions").await, 0);
        let viewer = world.operator(OperatorRole::Editor);
        assert_eq!(code(place.registry.plan(&viewer, request(&[])).await), "operator_role_missing");
    })
    .await;
}

#[tokio::test]
async fn old_versions_go_and_their_code_with_them_but_not_what_an_alias_leads_to() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let owner = world.operator(OperatorRole::Owner);
        let version = |n: usize| request(&[("a", add(&format!("auth.id == '{n}'")))]);
        place.deploy(&world, version(1)).await.unwrap();
        let (add, old) = (name("add"), AliasName::parse("old").unwrap());
        let first = vec![Share { version: 1, weight: 100 }];
        place.registry.put_alias(&owner, (&add, &old), first).await.unwrap();
        for n in 2..=24 {
            place.deploy(&world, version(n)).await.unwrap();
        }
        let kept: Vec<u32> = place.registry.deployed().function("add").unwrap().versions().collect();
        assert_eq!(kept, [vec![1], (5..=24).collect()].concat());
        assert_eq!(count(&world, "_function_versions").await, 21);
        // Of each code a register and a chunk.
        assert_eq!(count(&world, "_function_code").await, 42);
        assert!(place.runtime.evicted.lock().unwrap().len() >= 22, "instances of what nobody calls are let go");
        place.registry.delete_alias(&owner, &add, &old).await.unwrap();
        assert_eq!(count(&world, "_function_versions").await, 20);
        place.registry.delete_function(&owner, &add).await.unwrap();
        for collection in ["_functions", "_function_versions", "_function_code"] {
            assert_eq!(count(&world, collection).await, 0, "{collection}");
        }
        assert_eq!(code(place.registry.resolve("add", None, 0)), "function_not_found");
    })
    .await;
}

#[tokio::test]
async fn an_alias_is_weighted_and_rolled_back() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let owner = world.operator(OperatorRole::Owner);
        place.deploy(&world, request(&[("a", add("auth.id == '1'"))])).await.unwrap();
        place.deploy(&world, request(&[("a", add("auth.id == '2'"))])).await.unwrap();
        let (add, live) = (name("add"), AliasName::live());
        let share = |version, weight| Share { version, weight };
        let put = async |shares: Vec<Share>| place.registry.put_alias(&owner, (&add, &live), shares).await;
        for bad in [vec![], vec![share(1, 50)], vec![share(1, 100), share(2, 0)], vec![share(1, 50), share(1, 50)]] {
            assert_eq!(code(put(bad.clone()).await), "bad_request", "{bad:?}");
        }
        assert_eq!(code(put(vec![share(9, 100)]).await), "version_not_found");
        put(vec![share(1, 90), share(2, 10)]).await.unwrap();
        let picked = |draw| place.registry.resolve("add", None, draw).unwrap().version.number;
        assert_eq!([picked(0), picked(89), picked(90), picked(99)], [1, 1, 2, 2]);
        let back = place.registry.roll_back(&owner, (&add, &live), Rollback::Before).await.unwrap();
        assert_eq!(back, [share(2, 100)]);
        place.registry.roll_back(&owner, (&add, &live), Rollback::To(1)).await.unwrap();
        assert_eq!((picked(0), picked(99)), (1, 1));
        assert_eq!(code(place.registry.roll_back(&owner, (&add, &live), Rollback::To(7)).await), "version_not_found");
        let staging = AliasName::parse("staging").unwrap();
        let other = DeployRequest { alias: staging, ..request(&[("a", json!([{"export": "add"}]))]) };
        let plan = place.deploy(&world, other).await.unwrap();
        assert_eq!(told(&plan), [("add".to_owned(), "added", 3)]);
        assert_eq!(picked(0), 1, "live stays where it is");
        assert_eq!(place.registry.resolve("add", Some("staging"), 0).unwrap().version.number, 3);
        assert_eq!(code(place.registry.resolve("add", Some("nobody"), 0)), "alias_not_found");
    })
    .await;
}

#[tokio::test]
async fn deploys_at_once_are_all_applied() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let owner = world.operator(OperatorRole::Owner);
        place.deploy(&world, request(&[("a", add("auth.id == '0'"))])).await.unwrap();
        let mut plans = Vec::new();
        for n in 1..=3 {
            let request = request(&[("a", add(&format!("auth.id == '{n}'")))]);
            plans.push(place.registry.plan(&owner, request).await.unwrap());
        }
        let applied = plans.into_iter().map(|plan| place.registry.apply(&owner, plan));
        for applied in futures_util::future::join_all(applied).await {
            applied.unwrap();
        }
        let versions: Vec<u32> = place.registry.deployed().function("add").unwrap().versions().collect();
        assert_eq!(versions, [1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test]
async fn a_manifest_leaves_what_was_deployed_after_it() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let manifest = |rule: &str| DeployRequest { by: DeployedBy::Manifest, ..request(&[("a", add(rule))]) };
        place.deploy(&world, manifest("auth.id == '1'")).await.unwrap();
        place.deploy(&world, request(&[("a", add("auth.id == '2'"))])).await.unwrap();
        let again = place.deploy(&world, manifest("auth.id == '1'")).await.unwrap();
        assert_eq!(told(&again)[0].1, "kept");
        assert_eq!(place.live("add"), 2);
        place.deploy(&world, manifest("auth.id == '3'")).await.unwrap();
        assert_eq!(place.live("add"), 3, "it says something new");
    })
    .await;
}

#[tokio::test]
async fn settings_hold_where_code_says_nothing_and_are_told_where_they_are_wrong() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let section = |value: Value| FunctionsSection::parse(&value).unwrap();
        let settings = section(json!({
            "rules": {"invoke": "auth != null"}, "env": {"MODE": "test"}, "egress": {"allow": ["api.example.com"]},
            "limits": {"timeout": "20s", "memory": "32MB"}, "add": {"timeout": "3s"},
            "crm": {"url": "https://crm.example.com/hook", "kind": "onDocument", "collection": "notes",
                    "on": "create", "secret": "${CRM}"},
        }));
        let both = json!([{"export": "add", "options": {"timeout": "1s"}}, {"export": "mul"},
                          {"export": "guard", "kind": "beforeDocument", "subject": "notes"}]);
        let deploy = DeployRequest { settings, ..request(&[("a", both)]) };
        let plan = place.deploy(&world, deploy).await.unwrap();
        let unset = "crm signs with the secret \"CRM\", which isn't set.".to_owned();
        assert!(plan.warnings().contains(&unset), "{:?}", plan.warnings());
        let version = |name| place.registry.resolve(name, None, 0).unwrap().version;
        assert_eq!(version("add").config.timeout, Duration::from_secs(3), "what is said by name holds");
        assert_eq!(version("mul").config.timeout, Duration::from_secs(20));
        assert_eq!(version("mul").config.memory, 32 << 20);
        assert_eq!(version("mul").config.invoke.as_ref().unwrap().source(), "auth != null");
        assert_eq!(version("guard").config.timeout, Duration::from_secs(2), "a write waits for it");
        assert_eq!(version("mul").env["MODE"], "test");
        assert_eq!(version("mul").egress.allow.as_deref(), Some(&["api.example.com".to_owned()][..]));
        assert!(version("crm").code.is_none());
        assert_eq!(place.registry.subscriptions_of(), ["crm"]);
        let faults = async |settings: Value| {
            let deploy = DeployRequest { settings: section(settings), ..request(&[("a", json!([{"export": "add"}]))]) };
            let error = place.deploy(&world, deploy).await.unwrap_err();
            error.errors().iter().map(|fault| fault.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(faults(json!({"rules": {"invoke": "nope"}})).await, ["/functions/rules/invoke"]);
        assert_eq!(faults(json!({"add": {"invoke": "nope"}})).await, ["/functions/add/invoke"]);
        assert_eq!(faults(json!({"nobody": {"timeout": "1s"}})).await, ["/functions/nobody"]);
        let unsealed = json!({"crm": {"url": "https://crm.example.com", "secret": "a plain value"}});
        assert_eq!(faults(unsealed).await, ["/functions/crm/secret"]);
    })
    .await;
}

trait Subscribed {
    fn subscriptions_of(&self) -> Vec<String>;
}

impl Subscribed for Registry {
    fn subscriptions_of(&self) -> Vec<String> {
        self.deployed().subscriptions().iter().map(|one| one.target.name.clone()).collect()
    }
}

#[tokio::test]
async fn another_node_hears_of_deploys_and_secrets_by_the_log() {
    both(|world| async move {
        let one = open(&world, &world.node.store).await;
        let other = open(&world, &world.node.store).await;
        let owner = world.operator(OperatorRole::Owner);
        one.deploy(&world, request(&[("a", add("auth != null"))])).await.unwrap();
        let secret = SecretName::parse("KEY").unwrap();
        one.registry.set_secret(&owner, (&secret, None), &Secret::new("a long value")).await.unwrap();
        assert_eq!(code(other.registry.resolve("add", None, 0)), "function_not_found");
        let changes = world.node.store.changes(0, 1_000).await.unwrap();
        let changes: Vec<_> = changes.into_iter().map(Arc::new).collect();
        other.registry.follow().apply(&changes);
        let kept_up = tokio::time::timeout(Duration::from_secs(10), async {
            tokio::select! {
                () = other.registry.keep_up() => {}
                () = async {
                    while other.registry.resolve("add", None, 0).is_err()
                        || other.registry.secrets(&AliasName::live()).values().is_empty()
                    {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                } => {}
            }
        });
        kept_up.await.expect("it hears");
        assert_eq!(other.registry.secrets(&AliasName::live()).values()["KEY"], "a long value");
    })
    .await;
}

#[tokio::test]
async fn a_secret_of_an_alias_goes_before_that_of_all_and_no_database_tells_it() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let owner = world.operator(OperatorRole::Owner);
        let (secret, staging) = (SecretName::parse("KEY").unwrap(), AliasName::parse("staging").unwrap());
        let set = async |alias: Option<&AliasName>, value: &str| {
            place.registry.set_secret(&owner, (&secret, alias), &Secret::new(value)).await
        };
        set(None, "value of all").await.unwrap();
        set(Some(&staging), "value of staging").await.unwrap();
        let value = |alias: &AliasName| place.registry.secrets(alias).values().get("KEY").cloned();
        assert_eq!(value(&AliasName::live()).as_deref(), Some("value of all"));
        assert_eq!(value(&staging).as_deref(), Some("value of staging"));
        let redactor = place.registry.secrets(&staging);
        assert_eq!(redactor.redactor().text("key: value of staging."), "key: [secret].");
        assert_eq!(place.registry.list_secrets(&owner).await.unwrap().len(), 2);
        assert_eq!(code(set(None, "").await), "bad_request");
        place.registry.delete_secret(&owner, &secret, Some(&staging)).await.unwrap();
        assert_eq!(value(&staging).as_deref(), Some("value of all"));
        assert_eq!(code(place.registry.delete_secret(&owner, &secret, Some(&staging)).await), "secret_not_found");
        let editor = world.operator(OperatorRole::Editor);
        let refused = place.registry.set_secret(&editor, (&secret, None), &Secret::new("other")).await;
        assert_eq!(code(refused), "operator_role_missing");
    })
    .await;
}

#[tokio::test]
async fn calls_are_recorded_found_and_added_up() {
    both(|world| async move {
        let place = open(&world, &world.node.store).await;
        let owner = world.operator(OperatorRole::Owner);
        let record = |n: u32, function: &str, outcome| InvocationRecord {
            id: place.registry.new_invocation(),
            function: name(function),
            version: 1,
            alias: AliasName::live(),
            kind: Kind::Callable,
            trigger: InvokedBy::Call,
            started_at: world.db.clock.now(),
            duration_ms: 500.0,
            cpu_ms: 2.0,
            peak_memory: 1,
            outcome,
            error: None,
            trace: Some(format!("{n:032x}")),
            cold: false,
            host_calls: 0,
            egress_bytes: 10,
            attempt: 1,
            logs_dropped: 0,
            memory_limit: 1 << 30,
        };
        let mut ids = Vec::new();
        for n in 0..5 {
            let outcome = if n == 3 { InvocationOutcome::Failed } else { InvocationOutcome::Succeeded };
            let record = record(n, if n < 4 { "add" } else { "mul" }, outcome);
            ids.push(record.id.clone());
            place.registry.record(&record);
            world.db.clock.advance(Duration::from_secs(1));
        }
        let ask = async |query| place.registry.invocations(&owner, query).await.unwrap();
        let add = InvocationQuery { function: Some(name("add")), limit: Some(3), ..InvocationQuery::default() };
        let page = ask(add.clone()).await;
        let found = |items: &[InvocationRecord]| items.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!(found(&page.items), [ids[3].clone(), ids[2].clone(), ids[1].clone()]);
        let rest = ask(InvocationQuery { cursor: page.next_cursor, ..add }).await;
        assert_eq!((found(&rest.items), rest.next_cursor), (vec![ids[0].clone()], None));
        let failed = InvocationQuery { outcome: Some(InvocationOutcome::Failed), ..InvocationQuery::default() };
        assert_eq!(found(&ask(failed).await.items), [ids[3].clone()]);
        let traced = InvocationQuery { trace: Some(format!("{:032x}", 4)), ..InvocationQuery::default() };
        assert_eq!(found(&ask(traced).await.items), [ids[4].clone()]);
        assert_eq!(place.registry.invocation(&owner, &ids[1]).await.unwrap().0.id, ids[1]);
        let unknown = place.registry.new_invocation();
        assert_eq!(code(place.registry.invocation(&owner, &unknown).await), "invocation_not_found");
        place.registry.flush_usage().await.unwrap();
        place.registry.record(&record(9, "add", InvocationOutcome::Succeeded));
        place.registry.flush_usage().await.unwrap();
        let now = world.db.clock.now();
        let usage = place.registry.usage(&owner, (now, now), None).await.unwrap();
        let told: Vec<_> = usage.iter().map(|one| (one.function.as_str(), one.amounts)).collect();
        assert_eq!((told[0].0, told[0].1.invocations, told[0].1.errors), ("add", 5, 1));
        assert!((told[0].1.gigabyte_seconds - 2.5).abs() < 1e-9 && told[0].1.egress_bytes == 50);
        assert_eq!((told[1].0, told[1].1.invocations), ("mul", 1));
        let only = place.registry.usage(&owner, (now, now), Some(&name("mul"))).await.unwrap();
        assert_eq!(only.len(), 1);
    })
    .await;
}
