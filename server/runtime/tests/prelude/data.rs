//! `ctx.db`, `ctx.files` and what else asks the host.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Answer, callable};

fn calls(body: &str, answer: impl Fn(&str) -> Value + 'static) -> Vec<Value> {
    let instance = callable(body).host(move |op, _, _| Ok((answer(op), Vec::new())));
    instance.call("f", basalt_runtime::Kind::Callable, &Value::Null);
    instance.seen.borrow().calls.iter().map(|(op, arguments, _)| json!([op, arguments])).collect()
}

fn nothing(_: &str) -> Value {
    json!({"items": [], "nextCursor": null, "total": 0, "id": "a"})
}

#[test]
fn collections_ask_in_the_words_of_the_host() {
    let asked = calls(
        "const notes = ctx.db.collection('notes');
         await notes.get('a', { select: ['t'] }); await notes.create({ id: 'b', t: 1 }); await notes.create({ t: 1 });
         await notes.put('a', { t: 2 }, { ifMatch: 'r' }); await notes.replace('a', { t: 2 });
         await notes.update('a', { n: increment(2) }, { upsert: true, where: where('n', '<', 5) });
         await notes.delete('a'); await ctx.asService().db.collection('notes').delete('a');
         await ctx.asService().asService().db.collection('notes').find('z');",
        nothing,
    );
    assert_eq!(
        json!(asked),
        json!([
            ["db.get", {"collection": "notes", "id": "a", "select": ["t"]}],
            ["db.create", {"collection": "notes", "id": "b", "data": {"t": 1}}],
            ["db.create", {"collection": "notes", "data": {"t": 1}}],
            ["db.put", {"collection": "notes", "id": "a", "data": {"t": 2}, "ifMatch": "r"}],
            ["db.put", {"collection": "notes", "id": "a", "data": {"t": 2}, "ifMatch": "*"}],
            ["db.patch", {"collection": "notes", "id": "a", "patch": {"n": {"$increment": 2}}, "upsert": true,
                "where": "doc.n < vars.v0", "vars": {"v0": 5}}],
            ["db.delete", {"collection": "notes", "id": "a"}],
            ["db.delete", {"collection": "notes", "id": "a", "service": true}],
            ["db.get", {"collection": "notes", "id": "z", "service": true}],
        ])
    );
}

#[test]
fn queries_bind_their_values() {
    let asked = calls(
        "const q = ctx.db.collection('notes').where('n', '>', 3).and('tags', 'contains', 'x').or('owner.name', '==', \"o'b\");
         await q.orderBy('n', 'desc').limit(5).list(); await q.count(); await q.first();
         await ctx.db.collection('notes').where(cel`doc.n > ${1} || doc.s == ${'\"'}`).where('has-dash', 'has', true).list();
         await ctx.db.collection('notes').query({ filter: 'n > 1', count: 'exact' });
         await q.aggregate({ groupBy: ['owner'], measures: { n: { count: true } }, having: cel`n > ${2}` });",
        nothing,
    );
    let filter = "(doc.n > vars.v0 && vars.v1 in doc.tags) || doc.owner.name == vars.v2";
    let vars = json!({"v0": 3, "v1": "x", "v2": "o'b"});
    assert_eq!(
        json!(asked),
        json!([
            ["db.list", {"collection": "notes", "query": {"sort": ["-n"], "limit": 5, "filter": filter, "vars": vars}}],
            ["db.list", {"collection": "notes", "query": {"limit": 0, "count": "exact", "filter": filter, "vars": vars}}],
            ["db.list", {"collection": "notes", "query": {"limit": 1, "filter": filter, "vars": vars}}],
            ["db.list", {"collection": "notes", "query": {
                "filter": "(doc.n > vars.v0 || doc.s == vars.v1) && \"has-dash\" in doc", "vars": {"v0": 1, "v1": "\""}}}],
            ["db.list", {"collection": "notes", "query": {"filter": "n > 1", "count": "exact"}}],
            ["db.aggregate", {"collection": "notes", "query": {"groupBy": ["owner"], "measures": {"n": {"count": true}},
                "filter": filter, "having": "(n > vars.h0)", "vars": {"v0": 3, "v1": "x", "v2": "o'b", "h0": 2}}}],
        ])
    );
    let refused = callable("cel`doc.a == '${1}'`").throws();
    assert!(refused.message.contains("quotes"), "{refused:?}");
}

#[test]
fn pages_are_read_to_the_end() {
    let instance = callable(
        "const ids = []; for await (const note of ctx.db.collection('n').limit(2)) ids.push(note.id);
         return [ids, (await ctx.db.collection('n').all()).length];",
    )
    .host(|_, arguments, _| {
        let second = arguments["query"]["cursor"] == "c";
        let next = if second { Value::Null } else { json!("c") };
        Ok((json!({"items": [{"id": if second { "b" } else { "a" }}], "nextCursor": next}), Vec::new()))
    });
    assert_eq!(instance.returns(&Value::Null), json!([["a", "b"], 2]));
}

#[test]
fn what_the_host_refuses_is_a_function_error() {
    let instance = callable(
        "try { await ctx.db.collection('n').get('x'); } catch (e) { console.log(e.code); }
         try { await ctx.db.collection('n').create({}); } catch (e) { return [e instanceof FunctionError, e.code, e.status, e.details]; }",
    )
    .host(|op, _, _| match op {
        "db.get" => Ok((Value::Null, Vec::new())),
        _ => Err((422, "schema_violation", json!({"errors": [{"path": "/t"}]}))),
    });
    let expected = json!([true, "schema_violation", 422, {"errors": [{"path": "/t"}]}]);
    assert_eq!(instance.returns(&Value::Null), expected);
    assert_eq!(instance.seen.borrow().logs[0].1, "document_not_found");
    let uncaught = callable("await ctx.db.collection('n').get('x');").host(|_, _, _| Ok((Value::Null, Vec::new())));
    assert_eq!(
        uncaught.throws().refusal.map(|(code, status, _)| (code, status)),
        Some(("document_not_found".into(), 404))
    );
}

/// A database of revs: a transaction is refused when what it checks isn't so.
struct Store(BTreeMap<String, (u32, Value)>);

impl Store {
    fn answer(&mut self, op: &str, arguments: &Value) -> Answer {
        if op == "db.get" {
            let found = self.0.get(arguments["id"].as_str().unwrap());
            let document = found.map(|(rev, n)| json!({"id": arguments["id"], "rev": rev.to_string(), "n": n}));
            return Ok((document.unwrap_or_default(), Vec::new()));
        }
        assert_eq!(op, "db.transaction");
        let operations = arguments["operations"].as_array().unwrap();
        for (index, operation) in operations.iter().enumerate().filter(|(_, one)| one["op"] == "check") {
            let found = self.0.get(operation["id"].as_str().unwrap());
            let same = match found {
                Some((rev, _)) => {
                    operation["exists"] == true && operation["ifMatch"].as_str() == Some(&rev.to_string())
                }
                None => operation["exists"] == false,
            };
            if !same {
                return Err((412, "precondition_failed", json!({"operation": index})));
            }
        }
        for operation in operations.iter().filter(|one| one["op"] != "check") {
            let id = operation["id"].as_str().unwrap().to_owned();
            let rev = self.0.get(&id).map_or(1, |(rev, _)| rev + 1);
            let data = if operation["op"] == "patch" { &operation["patch"] } else { &operation["data"] };
            self.0.insert(id, (rev, data["n"].clone()));
        }
        Ok((json!({"results": [], "seq": "1"}), Vec::new()))
    }
}

#[test]
fn a_transaction_runs_again_when_what_it_read_has_changed() {
    let mut store = Store([("stock".to_owned(), (1, json!(10)))].into());
    let mut rivals = 2;
    let instance = callable(
        "let runs = 0;
         const left = await ctx.db.transaction(async (tx) => {
           runs++;
           const stock = await tx.collection('items').get('stock');
           const order = await tx.collection('items').find('order');
           if (order === null) tx.collection('items').put('order', { n: 1 });
           tx.collection('items').update('stock', { n: stock.n - 1 });
           return stock.n - 1;
         });
         return [runs, left];",
    )
    .host(move |op, arguments, _| {
        if op == "db.transaction" && rivals > 0 {
            rivals -= 1;
            let (rev, n) = store.0["stock"].clone();
            store.0.insert("stock".to_owned(), (rev + 1, json!(n.as_i64().unwrap() - 1)));
        }
        store.answer(op, &arguments)
    });
    assert_eq!(instance.returns(&Value::Null), json!([3, 7]));
}

#[test]
fn a_transaction_gives_up_after_five_runs_and_at_once_where_it_is_refused() {
    let instance = callable(
        "globalThis.runs = 0; await ctx.db.transaction(async (tx) => { globalThis.runs++; tx.collection('a').create({ n: 1 }); });",
    )
    .host(|_, _, _| Err((409, "condition_failed", json!({"operation": 0}))));
    assert_eq!(instance.throws().refusal.unwrap().0, "condition_failed");
    assert_eq!(instance.seen.borrow().calls.len(), 5);
    let instance = callable("await ctx.db.transaction((tx) => { tx.collection('a').delete('x'); });")
        .host(|_, _, _| Err((403, "rule_denied", json!({"operation": 0}))));
    assert_eq!(instance.throws().refusal.unwrap().0, "rule_denied");
    assert_eq!(instance.seen.borrow().calls.len(), 1);
    let late = callable(
        "await ctx.db.transaction(async (tx) => { const a = tx.collection('a'); a.put('x', {}); await a.get('x'); });",
    );
    assert!(late.throws().message.contains("before it is written"));
}

#[test]
fn files_messages_functions_and_channels_ask_the_host() {
    let instance = callable(
        "const files = ctx.asService().files.bucket('images');
         const text = await files.text('a.txt');
         await files.write('b.txt', 'hällo', { data: { n: 1 } });
         await files.write('c.bin', new Uint8Array([1, 2, 3]).subarray(1));
         await files.copy('b.txt', 'd.txt', { toBucket: 'other' });
         const { url } = await files.sign('b.txt', { expiresIn: '1h' });
         await ctx.email.send({ to: 'a@example.com', subject: 'S', text: 'T' });
         await ctx.push.send({ to: { topic: 'news' }, template: 't', vars: { a: 1 } });
         await ctx.functions.invoke('add', { a: 1 }, { alias: 'beta' });
         await ctx.functions.enqueue('add', 1, { delay: '5m', key: 'k', runAt: new Date(0) });
         await ctx.channels.publish('room:1', 'hi', { x: 1 });
         return [text, url];",
    )
    .host(|op, _, _| {
        Ok((
            json!({"id": "m1", "items": [{"url": "https://h/x"}]}),
            if op == "files.read" { "grüße".into() } else { Vec::new() },
        ))
    });
    assert_eq!(instance.returns(&Value::Null), json!(["grüße", "https://h/x"]));
    let seen = instance.seen.borrow();
    let asked: Vec<_> = seen.calls.iter().map(|(op, arguments, _)| json!([op, arguments])).collect();
    assert_eq!(
        json!(asked),
        json!([
            ["files.read", {"bucket": "images", "path": "a.txt", "service": true}],
            ["files.write", {"bucket": "images", "path": "b.txt", "contentType": "text/plain;charset=UTF-8",
                "data": {"n": 1}, "service": true}],
            ["files.write", {"bucket": "images", "path": "c.bin", "service": true}],
            ["files.copy", {"bucket": "images", "from": "b.txt", "to": "d.txt", "toBucket": "other", "service": true}],
            ["files.sign", {"bucket": "images", "files": [{"path": "b.txt", "expiresIn": "1h"}], "service": true}],
            ["messages.send", {"channel": "email", "to": {"emails": ["a@example.com"]},
                "content": {"subject": "S", "text": "T"}}],
            ["messages.send", {"channel": "push", "to": {"topic": "news"}, "template": {"name": "t", "vars": {"a": 1}}}],
            ["functions.invoke", {"name": "add", "input": {"a": 1}, "alias": "beta"}],
            ["functions.enqueue", {"name": "add", "input": 1, "delay": "5m", "runAt": "1970-01-01T00:00:00.000Z", "key": "k"}],
            ["channels.publish", {"channel": "room:1", "event": "hi", "data": {"x": 1}}],
        ])
    );
    assert_eq!(seen.calls[1].2, "hällo".as_bytes());
    assert_eq!(seen.calls[2].2, [2, 3]);
}
