//! Buckets: what an app declares of its files. They are part of the definition of the built-in collection `files`,
//! whose documents tell of the files, so that rules of buckets are rules of documents, under the one epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use basalt_core::document::pointer_token;
use basalt_core::{BucketName, CollectionName, FieldError};
use basalt_expr::{Expression, FieldTypes};
use serde_json::{Map, Value};

use super::definition::Definition;
use super::parse::{read_acknowledged, read_rules};
use crate::declared::{Problems, Table, duration, size, wrong_type};
use crate::rules::{self, Access, CompiledRules, Finding, FindingKind, RuleOp, RuleText, RuleTexts, operation_scope};

/// The collection whose documents tell of the files.
pub const FILES: &str = "files";
/// Bytes of one file where a bucket says nothing.
const MAX_SIZE: u64 = 50 << 20;
/// The largest file that a bucket may allow: what object stores take.
const MAX_SIZE_LIMIT: u64 = 5 << 40;
const BUCKETS_MAX: usize = 100;
const PRESETS_MAX: usize = 32;
/// Pixels of a side of a picture that is asked for.
pub const SIDE_MAX: u32 = 4_096;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Bytes of one file.
    pub max_size: Option<u64>,
    /// Empty: every type.
    pub allowed_types: Vec<MediaRange>,
    /// Whether everybody may get its files, which caches on the way may keep.
    pub public: bool,
    /// Types that are shown although a browser may run them.
    pub inline: Vec<MediaRange>,
    /// How long a file is kept after it was written; `None`: until it is deleted.
    pub retention: Option<Duration>,
    /// Bytes of all its files.
    pub quota: Option<u64>,
    /// Whether files wait for a scanner's word before anybody sees them.
    pub scan: bool,
    /// Whether downloads are sent on to the object store.
    pub redirect: bool,
    /// Pictures that may be asked for by name.
    pub presets: BTreeMap<String, Preset>,
    pub rules: RuleTexts,
    /// Write rules that may be open to everybody.
    pub acknowledge: BTreeSet<RuleOp>,
}

/// `image/png`, `image/*` or `*/*`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRange(String);

/// How a picture is made of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preset {
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// `cover`, `contain` or `inside`.
    pub fit: Option<String>,
    /// `webp`, `jpeg`, `png` or `avif`.
    pub format: Option<String>,
    /// 1 to 100.
    pub quality: Option<u8>,
}

impl MediaRange {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let token = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
        };
        let (kind, subtype) = text.split_once('/')?;
        let good = (kind == "*" && subtype == "*") || (token(kind) && (subtype == "*" || token(subtype)));
        good.then_some(Self(text))
    }

    /// Whether a type without parameters, in lower case, is in it.
    pub fn covers(&self, content_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some("*/") => true,
            Some(kind) => content_type.starts_with(kind),
            None => content_type == self.0,
        }
    }
}

impl Bucket {
    pub fn max_size(&self) -> u64 {
        self.max_size.unwrap_or(MAX_SIZE)
    }

    pub fn allows(&self, content_type: &str) -> bool {
        self.allowed_types.is_empty() || self.allowed_types.iter().any(|range| range.covers(content_type))
    }

    /// The entry of `[buckets.NAME]`; `None` where it is no table.
    pub(crate) fn read(value: &Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let mut table = Table::open(value, path, problems)?;
        let mut bucket = Self {
            max_size: bytes(&mut table, "maxSize", problems),
            quota: bytes(&mut table, "quota", problems),
            allowed_types: media_ranges(&mut table, "allowedTypes", problems),
            inline: media_ranges(&mut table, "inline", problems),
            public: table.bool("public", problems).unwrap_or(false),
            scan: table.bool("scan", problems).unwrap_or(false),
            redirect: table.bool("redirect", problems).unwrap_or(false),
            ..Self::default()
        };
        if let Some(text) = table.text("retention", problems) {
            bucket.retention = duration(text).filter(|kept| *kept >= Duration::from_mins(1));
            if bucket.retention.is_none() {
                let message = "A duration is like 12h or 90d, here of at least a minute.";
                problems.add(&table.path_of("retention"), "bad_duration", message);
            }
        }
        if let Some((presets, path)) = table.take("presets") {
            bucket.presets = read_presets(presets, &path, problems);
        }
        if let Some((rules, path)) = table.take("rules") {
            bucket.rules = read_rules(rules, &path, problems);
            if !bucket.rules.fields.is_empty() {
                let message = "Files have no rules of fields: all but their data is the server's.";
                problems.add(&format!("{path}/fields"), "not_ruled", message);
            }
            if let Some(text) = bucket.rules.operations.get(&RuleOp::Get).filter(|_| bucket.public) {
                let message = "A public bucket's files are everybody's: there is nothing to rule about getting them.";
                problems.add(&format!("{path}/{}", text.key), "ambiguous", message);
            }
        }
        if let Some(operations) = table.texts("acknowledge", problems) {
            bucket.acknowledge = read_acknowledged(operations, problems);
        }
        table.finish(problems);
        Some(bucket)
    }

    /// The canonical form; what isn't set isn't there.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Option<Value>| value.map(|value| map.insert(key.to_owned(), value));
        let ranges = |ranges: &[MediaRange]| {
            (!ranges.is_empty()).then(|| ranges.iter().map(|range| Value::from(range.0.clone())).collect::<Value>())
        };
        put("maxSize", self.max_size.map(|bytes| format!("{bytes}B").into()));
        put("quota", self.quota.map(|bytes| format!("{bytes}B").into()));
        put("allowedTypes", ranges(&self.allowed_types));
        put("inline", ranges(&self.inline));
        for (key, set) in [("public", self.public), ("scan", self.scan), ("redirect", self.redirect)] {
            put(key, set.then_some(Value::Bool(true)));
        }
        put("retention", self.retention.map(|kept| format!("{}ms", kept.as_millis()).into()));
        let presets = || self.presets.iter().map(|(name, preset)| (name.clone(), preset.to_json())).collect();
        put("presets", (!self.presets.is_empty()).then(|| Value::Object(presets())));
        put("rules", (!self.rules.is_empty()).then(|| self.rules.to_json()));
        let acknowledged = || self.acknowledge.iter().map(|op| op.as_str()).collect::<Value>();
        put("acknowledge", (!self.acknowledge.is_empty()).then(acknowledged));
        Value::Object(map)
    }

    /// The rule that is asked for an operation: getting files of a public bucket is everybody's.
    fn rule(&self, op: RuleOp) -> Option<&str> {
        if op == RuleOp::Get && self.public { Some("true") } else { self.rules.get(op) }
    }
}

impl Preset {
    fn read(value: &Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let mut table = Table::open(value, path, problems)?;
        let mut number = |table: &mut Table<'_>, key: &'static str, most: u32| {
            let read = table.integer(key, problems)?;
            let number = u32::try_from(read).ok().filter(|number| (1..=most).contains(number));
            if number.is_none() {
                problems.add(&table.path_of(key), "out_of_range", format!("This is a number from 1 to {most}."));
            }
            number
        };
        let width = number(&mut table, "width", SIDE_MAX);
        let height = number(&mut table, "height", SIDE_MAX);
        let quality = number(&mut table, "quality", 100).and_then(|quality| u8::try_from(quality).ok());
        let mut one_of = |table: &mut Table<'_>, key: &'static str, known: &[&str]| {
            let text = table.text(key, problems)?;
            if !known.contains(&text) {
                problems.add(&table.path_of(key), "unknown_value", format!("This is one of {}.", known.join(", ")));
            }
            Some(text.to_owned())
        };
        let fit = one_of(&mut table, "fit", &["cover", "contain", "inside"]);
        let format = one_of(&mut table, "format", &["webp", "jpeg", "png", "avif"]);
        if (width, height, &format) == (None, None, &None) {
            problems.add(table.path(), "empty", "A preset has a width, a height or a format.");
        }
        table.finish(problems);
        Some(Self { width, height, fit, format, quality })
    }

    fn to_json(&self) -> Value {
        let Self { width, height, fit, format, quality } = self;
        let fields = [
            ("width", width.map(Value::from)),
            ("height", height.map(Value::from)),
            ("fit", fit.clone().map(Value::from)),
            ("format", format.clone().map(Value::from)),
            ("quality", quality.map(Value::from)),
        ];
        Value::Object(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
    }
}

/// The table of all buckets.
pub(crate) fn read_buckets(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<BucketName, Arc<Bucket>> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of buckets", value, problems);
        return BTreeMap::new();
    };
    if entries.len() > BUCKETS_MAX {
        problems.add(path, "too_many", format!("There are at most {BUCKETS_MAX} buckets."));
    }
    let mut buckets = BTreeMap::new();
    for (name, entry) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        match BucketName::parse(name) {
            Ok(name) => {
                let bucket = Bucket::read(entry, &path, problems);
                buckets.extend(bucket.map(|bucket| (name, Arc::new(bucket))));
            }
            Err(error) => problems.add(&path, "bad_name", error.detail()),
        }
    }
    buckets
}

/// Of each bucket its entry.
pub(super) fn all_to_json(buckets: &BTreeMap<BucketName, Arc<Bucket>>) -> Value {
    Value::Object(buckets.iter().map(|(name, bucket)| (name.to_string(), bucket.to_json())).collect())
}

fn read_presets(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, Preset> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of presets", value, problems);
        return BTreeMap::new();
    };
    if entries.len() > PRESETS_MAX {
        problems.add(path, "too_many", format!("A bucket has at most {PRESETS_MAX} presets."));
    }
    let mut presets = BTreeMap::new();
    for (name, entry) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(good) {
            problems.add(&path, "bad_name", "A preset's name is 1 to 64 of A-Z, a-z, 0-9, _ and -.");
        }
        presets.extend(Preset::read(entry, &path, problems).map(|preset| (name.clone(), preset)));
    }
    presets
}

fn bytes(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<u64> {
    let read = size(table.text(key, problems)?).filter(|bytes| (1..=MAX_SIZE_LIMIT).contains(bytes));
    if read.is_none() {
        problems.add(
            &table.path_of(key),
            "bad_size",
            "A size is such as \"512KB\", \"10MB\" or \"5GB\", up to 5,120 GB.",
        );
    }
    read
}

fn media_ranges(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Vec<MediaRange> {
    let mut ranges = Vec::new();
    for (text, path) in table.texts(key, problems).unwrap_or_default() {
        match MediaRange::parse(text) {
            Some(range) => ranges.push(range),
            None => problems.add(
                &path,
                "bad_type",
                format!("{text:?} is no media type such as \"image/png\" or \"image/*\"."),
            ),
        }
    }
    ranges
}

/// What compiling the buckets gives.
pub(super) struct Parts {
    /// Of each bucket its own rules, as they are written.
    pub(super) by_bucket: BTreeMap<BucketName, CompiledRules>,
    /// The collection's, put together from them.
    pub(super) joined: BTreeMap<RuleOp, Expression>,
}

/// Compiles the rules of each bucket, which tells what is wrong with them, and joins them.
pub(super) fn compile(
    collection: &CollectionName,
    buckets: &BTreeMap<BucketName, Arc<Bucket>>,
    types: &dyn FieldTypes,
) -> Result<Parts, Vec<FieldError>> {
    let mut faults = Vec::new();
    let mut by_bucket = BTreeMap::new();
    for (name, bucket) in buckets {
        match CompiledRules::compile(collection, &texts(bucket), Vec::new(), types) {
            Ok(rules) => {
                by_bucket.insert(name.clone(), rules);
            }
            Err(found) => faults.extend(found.into_iter().map(|fault| FieldError {
                path: format!("/buckets/{}{}", pointer_token(name.as_str()), fault.path),
                ..fault
            })),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut joined = BTreeMap::new();
    for op in RuleOp::ALL {
        let branches = buckets.iter().filter_map(|(name, bucket)| Some((guard(name, bucket, op), bucket.rule(op)?)));
        let branches: Vec<(String, &str)> = branches.collect();
        let any = Expression::any_of(&branches, &operation_scope(op), types);
        joined.extend(any.map(|any| (op, any)));
    }
    Ok(Parts { by_bucket, joined })
}

/// The rules as they are asked.
fn texts(bucket: &Bucket) -> RuleTexts {
    let mut rules = bucket.rules.clone();
    if bucket.public {
        rules.operations.insert(RuleOp::Get, RuleText { source: "true".to_owned(), key: "get" });
    }
    rules
}

/// What makes a bucket's rule that of its files. Those that wait for a scanner are nobody's.
fn guard(name: &BucketName, bucket: &Bucket, op: RuleOp) -> String {
    match op {
        RuleOp::Create => format!("next.bucket == '{name}'"),
        RuleOp::Get | RuleOp::List if bucket.scan => format!("doc.bucket == '{name}' && doc.status == 'ready'"),
        RuleOp::Get | RuleOp::List | RuleOp::Update | RuleOp::Delete => format!("doc.bucket == '{name}'"),
    }
}

/// Who can do what with a bucket's files.
pub(super) fn access(bucket: &BucketName, rules: &CompiledRules) -> Vec<Access> {
    let named = |entry: Access| Access { collection: label(bucket), ..entry };
    rules::access(rules).into_iter().map(named).collect()
}

/// What looks like a mistake in its rules. (What its list rule tests has indexes, each bucket by itself.)
pub(super) fn lint(bucket: &BucketName, rules: &CompiledRules) -> Vec<Finding> {
    let named = |finding: Finding| Finding { collection: label(bucket), ..finding };
    // What an update may change is the file's data, its bytes and its place: its owner stays.
    let of_next = |kind| matches!(kind, FindingKind::NextIgnored | FindingKind::TestedFieldMayChange);
    let findings = rules::lint(rules, &|_| Vec::new()).into_iter().filter(|finding| !of_next(finding.kind));
    findings.map(named).collect()
}

/// As it is named among collections.
fn label(bucket: &BucketName) -> String {
    format!("buckets/{bucket}")
}

impl Definition {
    /// With what it says nothing of as it is stored: other buckets, and what isn't of buckets where it is of them alone.
    pub(super) fn over_stored(&self, stored: Option<&Self>, dropped: Option<&BucketName>) -> Self {
        let Some(stored) = stored.filter(|_| self.name.as_str() == FILES) else { return self.clone() };
        let bare = Self { buckets: BTreeMap::new(), ..self.clone() };
        let is_of_buckets = bare == Self::empty(self.name.clone()) && !self.buckets.is_empty();
        let mut whole = if is_of_buckets { stored.clone() } else { bare };
        let kept = stored.buckets.iter().filter(|(name, _)| Some(*name) != dropped);
        whole.buckets = kept.chain(&self.buckets).map(|(name, bucket)| (name.clone(), Arc::clone(bucket))).collect();
        whole
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn buckets(value: &Value) -> Result<BTreeMap<BucketName, Arc<Bucket>>, Vec<FieldError>> {
        let mut problems = Problems::default();
        let read = read_buckets(value, "", &mut problems);
        if problems.is_empty() { Ok(read) } else { Err(problems.into_faults()) }
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let value = json!({"images": {
            "maxSize": "10MB", "allowedTypes": ["image/*"], "retention": "30d", "quota": "1GB", "scan": true,
            "presets": {"thumb": {"width": 400, "format": "webp", "quality": 80}},
            "rules": {"read": "auth != null", "create": "auth.id == next.owner"},
        }});
        let read = buckets(&value).unwrap();
        assert_eq!(buckets(&all_to_json(&read)).unwrap(), read);
        let images = read.values().next().unwrap();
        assert_eq!(images.max_size(), 10 << 20);
        assert!(images.allows("image/png") && !images.allows("text/plain") && !images.allows("images/png"));
    }

    #[test]
    fn every_fault_has_its_place() {
        let value = json!({
            "1st": {},
            "a": {"maxSize": "10", "allowedTypes": ["image"], "presets": {"x": {}, "y": {"width": 9000}}, "color": 1},
            "b": {"public": true, "rules": {"read": "true"}, "retention": "1s"},
        });
        let faults = buckets(&value).unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        for path in [
            "/1st",
            "/a/maxSize",
            "/a/allowedTypes/0",
            "/a/presets/x",
            "/a/presets/y/width",
            "/a/color",
            "/b/rules/read",
            "/b/retention",
        ] {
            assert!(paths.contains(&path), "{path}: {paths:?}");
        }
    }

    #[test]
    fn rules_of_buckets_are_joined_and_told_apart() {
        let read = buckets(&json!({
            "a": {"rules": {"read": "auth.id == doc.owner"}},
            "b": {"public": true, "rules": {"list": "false"}},
            "c": {"scan": true, "rules": {"get": "true"}},
        }))
        .unwrap();
        let files = CollectionName::parse(FILES).unwrap();
        let parts = compile(&files, &read, &basalt_expr::Undeclared).unwrap();
        assert_eq!(parts.by_bucket.len(), 3);
        let get = &parts.joined[&RuleOp::Get];
        let ask = |doc: Value| {
            let (auth, lookups) = (json!({"id": "u"}), basalt_expr::NoLookups);
            get.evaluate(&basalt_expr::Env {
                auth: &auth,
                doc: Some((&doc).into()),
                lookups: &lookups,
                ..basalt_expr::Env::empty()
            })
        };
        let allowed = |doc: Value| ask(doc) == basalt_expr::Outcome::True;
        assert!(allowed(json!({"bucket": "a", "owner": "u"})) && !allowed(json!({"bucket": "a", "owner": "v"})));
        assert!(allowed(json!({"bucket": "b", "owner": "v"})));
        assert!(
            allowed(json!({"bucket": "c", "status": "ready"})) && !allowed(json!({"bucket": "c", "status": "pending"}))
        );
        assert!(!allowed(json!({"bucket": "d"})));
        assert!(!parts.joined.contains_key(&RuleOp::Create));
        let bad = buckets(&json!({"a": {"rules": {"read": "auth.id = 1"}}})).unwrap();
        let faults = compile(&files, &bad, &basalt_expr::Undeclared).err().unwrap();
        assert_eq!(faults[0].path, "/buckets/a/rules/read");
    }
}
