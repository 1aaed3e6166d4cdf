//! The collections and buckets of a deploy: what becomes of them, and what of that may break something.

use std::collections::BTreeSet;

use basalt_core::document::pointer_token;
use basalt_core::{Caller, CollectionName, FieldError, Result};
use basalt_data::collections::{Action, Bucket, Collections, Definition, FILES, Plan, PlanOptions, Removals};
use basalt_data::rules::{RuleOp, RuleTexts};

use super::options::{Kind, Options};
use super::plan::{Breaking, Item, Told, compared};
use super::{access, schema};

/// Definitions as they will be applied, and how.
pub(super) struct Wanted {
    pub(super) definitions: Vec<Definition>,
    pub(super) options: PlanOptions,
}

/// Works it out; invalid definitions are an error with every problem.
pub(super) fn check(
    caller: &Caller,
    collections: &Collections,
    declared: &[Definition],
    options: &Options,
    told: &mut Told,
) -> Result<Wanted> {
    let plan_options = PlanOptions { removals: Removals::Named(named(options)), ..PlanOptions::whole([]) };
    let mut definitions = carried(declared, collections);
    let plan = collections.plan(&definitions, &plan_options)?;
    for refusal in &plan.refusals {
        acknowledge(refusal, &mut definitions, options, told);
    }
    let before = collections.access(caller)?;
    let removed: Vec<String> = names(&plan, |action| *action == Action::Removed);
    let (changes, breaking) = access::changes(&before, &plan.access, &removed);
    told.access.extend(changes);
    told.breaking.extend(breaking);
    for definition in &definitions {
        told.breaking.extend(narrowed(definition, collections));
    }
    told.warnings
        .extend(plan.warnings.iter().map(|found| format!("{} {}: {}", found.collection, found.rule, found.message)));
    told.collections.extend(plan.items.iter().filter(|item| shown(item.name.as_str(), declared)).map(|item| {
        let what = if let Action::Changed(what) = &item.action { what.clone() } else { Vec::new() };
        Item { what, ..Item::new(item.name.as_str(), word(&item.action)) }
    }));
    told.buckets = buckets(collections, &definitions, options)?;
    Ok(Wanted { definitions, options: plan_options })
}

/// What was acknowledged with a former deploy stays acknowledged while its rule is the same.
pub(crate) fn carried(declared: &[Definition], collections: &Collections) -> Vec<Definition> {
    let carried = |definition: &Definition| {
        let mut definition = definition.clone();
        let Ok(stored) = collections.any(&definition.name) else { return definition };
        let stored = &stored.definition;
        let (rules, before) = (&definition.rules, (&stored.rules, &stored.acknowledge));
        definition.acknowledge.extend(still(rules, before));
        for (name, bucket) in &mut definition.buckets {
            let Some(stored) = stored.buckets.get(name) else { continue };
            let kept: Vec<RuleOp> = still(&bucket.rules, (&stored.rules, &stored.acknowledge)).collect();
            if kept.iter().any(|op| !bucket.acknowledge.contains(op)) {
                let mut acknowledge = bucket.acknowledge.clone();
                acknowledge.extend(kept);
                *bucket = std::sync::Arc::new(Bucket { acknowledge, ..Bucket::clone(bucket) });
            }
        }
        definition
    };
    declared.iter().map(carried).collect()
}

fn still<'a>(
    rules: &'a RuleTexts,
    (before, acknowledged): (&'a RuleTexts, &'a BTreeSet<RuleOp>),
) -> impl Iterator<Item = RuleOp> + 'a {
    acknowledged.iter().copied().filter(|op| rules.get(*op).is_some() && rules.get(*op) == before.get(*op))
}

/// A refusal that `acknowledge` answers is written into its definition; the others are told.
fn acknowledge(refusal: &FieldError, definitions: &mut [Definition], options: &Options, told: &mut Told) {
    let parts: Vec<&str> = refusal.path.split('/').skip(1).collect();
    let rule = match parts.as_slice() {
        _ if refusal.code != "acknowledgement_needed" => None,
        ["collections", FILES, "buckets", bucket, "rules", key] => Some((Kind::Bucket, *bucket, *key)),
        ["collections", collection, "rules", key] => Some((Kind::Collection, *collection, *key)),
        _ => None,
    };
    let Some((kind, name, key)) = rule else {
        told.refusals.push(refusal.clone());
        return;
    };
    let path = if kind == Kind::Bucket { format!("/buckets/{name}/rules/{key}") } else { refusal.path.clone() };
    let message = "This lets everybody write, without signing in.".to_owned();
    told.breaking.push(Breaking { kind, name: name.to_owned(), path, code: "acknowledgement_needed", message });
    if !options.acknowledges(kind, name) {
        return;
    }
    let ops = RuleOp::parse(key)
        .map_or_else(|| RuleOp::ALL.into_iter().filter(|op| op.is_write()).collect::<Vec<_>>(), |op| vec![op]);
    for definition in definitions {
        if kind == Kind::Collection && definition.name.as_str() == name {
            definition.acknowledge.extend(ops.iter().copied());
        }
        for (_, bucket) in
            definition.buckets.iter_mut().filter(|(other, _)| kind == Kind::Bucket && other.as_str() == name)
        {
            let mut acknowledge = bucket.acknowledge.clone();
            acknowledge.extend(ops.iter().copied());
            *bucket = std::sync::Arc::new(Bucket { acknowledge, ..Bucket::clone(bucket) });
        }
    }
}

/// What a schema no longer takes.
fn narrowed(definition: &Definition, collections: &Collections) -> Option<Breaking> {
    let stored = collections.any(&definition.name).ok()?;
    let (Some(old), Some(new)) = (&stored.definition.schema, &definition.schema) else { return None };
    let (place, why) = schema::narrowed(old, new).into_iter().next()?;
    let name = definition.name.to_string();
    let path = format!("/collections/{}/schema{place}", pointer_token(&name));
    let message = format!("Documents that were good may be refused from now on: {why}");
    Some(Breaking { kind: Kind::Collection, name, path, code: "schema_narrowed", message })
}

fn buckets(collections: &Collections, declared: &[Definition], options: &Options) -> Result<Vec<Item>> {
    let of = |definition: &Definition| -> Vec<(String, serde_json::Value)> {
        definition.buckets.iter().map(|(name, bucket)| (name.to_string(), bucket.to_json())).collect()
    };
    let stored = of(&collections.files()?.definition);
    let declared = declared.iter().find(|definition| definition.name.as_str() == FILES).map(of).unwrap_or_default();
    Ok(compared(&declared, &stored, &options.removed(Kind::Bucket)))
}

/// As the plan of collections names what may go.
fn named(options: &Options) -> BTreeSet<String> {
    let mut named = options.removed(Kind::Collection);
    named.extend(options.removed(Kind::Field));
    named
}

/// The collection of files is shown by its buckets, where nothing else of it is declared.
fn shown(name: &str, declared: &[Definition]) -> bool {
    let only_buckets =
        |definition: &Definition| Definition { buckets: std::collections::BTreeMap::new(), ..definition.clone() };
    let empty = |name: &CollectionName| Definition::empty(name.clone());
    name != FILES || declared.iter().any(|it| it.name.as_str() == FILES && only_buckets(it) != empty(&it.name))
}

fn names(plan: &Plan, wanted: impl Fn(&Action) -> bool) -> Vec<String> {
    plan.items.iter().filter(|item| wanted(&item.action)).map(|item| item.name.to_string()).collect()
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Added => "added",
        Action::Changed(_) => "changed",
        Action::Unchanged => "unchanged",
        Action::Kept => "kept",
        Action::Deployed => "deployed",
        Action::Removed => "removed",
    }
}
