//! fetch and its objects, and functions that answer over HTTP.

use basalt_runtime::Outcome;
use serde_json::{Value, json};

use crate::support::{Instance, callable, returned};

#[test]
fn headers_are_combined_and_checked() {
    let said = returned(
        r#"const h = new Headers({ "X-A": " 1 ", b: "2" }); h.append("x-a", "3"); h.append("Set-Cookie", "a=1"); h.append("set-cookie", "b=2");
        const bad = []; for (const [n, v] of [["a b", "x"], ["a", "x\r\ny: z"], ["a", "€"]]) { try { h.set(n, v); } catch (e) { bad.push(e.name); } }
        h.set("b", "9"); h.delete("nothing");
        return [[...h], h.get("X-a"), h.get("none"), h.has("B"), h.getSetCookie(), bad, [...new Headers([["q", "1"]])], [...new Headers(h).keys()]];"#,
    );
    assert_eq!(
        said,
        json!([
            [["b", "9"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-a", "1, 3"]],
            "1, 3",
            null,
            true,
            ["a=1", "b=2"],
            ["TypeError", "TypeError", "TypeError"],
            [["q", "1"]],
            ["b", "set-cookie", "set-cookie", "x-a"]
        ])
    );
}

#[test]
fn bodies_are_read_once_in_any_form() {
    let said = returned(
        r#"const r = new Response("hällo"); const copy = r.clone(); const out = [r.headers.get("content-type"), await r.text(), r.bodyUsed];
        try { await r.text(); } catch (e) { out.push(e.name); }
        out.push([...new Uint8Array(await copy.arrayBuffer())].length, await new Response('{"a":1}').json(), (await new Response(new Uint8Array([1, 2]).subarray(1)).bytes())[0]);
        const q = new Request("https://h/x", { method: "post", body: new URLSearchParams({ a: "1 2" }) });
        out.push(q.method, q.headers.get("content-type"), (await q.clone().formData()).get("a"), await q.text(), new Response(null).body);
        const blob = new Blob(["a", new Uint8Array([98]), new Blob(["c"])], { type: "Text/Plain" });
        out.push(await blob.text(), blob.type, blob.size, await blob.slice(1, 2).text(), await new Response(blob).text());
        return out;"#,
    );
    assert_eq!(
        said,
        json!([
            "text/plain;charset=UTF-8", "hällo", true, "TypeError", 6, {"a": 1}, 2, "POST",
            "application/x-www-form-urlencoded;charset=UTF-8", "1 2", "a=1+2", null, "abc", "text/plain", 3, "b", "abc"
        ])
    );
}

#[test]
fn forms_survive_their_own_wire_format() {
    let said = returned(
        r#"const f = new FormData(); f.append("a", "1\r\n--x"); f.append("file", new File(["\u0000bytes\r\n"], 'q"uote.bin', { type: "x/y" })); f.append("a", "ü");
        const back = await new Response(f).formData(); const file = back.get("file");
        let bad; try { await new Response("x", { headers: { "content-type": "multipart/form-data; boundary=zz" } }).formData(); } catch (e) { bad = e.name; }
        return [back.getAll("a"), file.name, file.type, await file.text(), [...back.keys()], bad];"#,
    );
    assert_eq!(
        said,
        json!([["1\r\n--x", "ü"], "q%22uote.bin", "x/y", "\u{0}bytes\r\n", ["a", "file", "a"], "TypeError"])
    );
}

#[test]
fn answers_have_the_shapes_of_the_web() {
    let said = returned(
        r#"const bad = []; for (const f of [() => new Response("x", { status: 204 }), () => new Response(null, { status: 99 }), () => Response.redirect("https://h/", 200),
          () => new Request("https://h/", { body: "x" }), () => new Request("/relative"), () => Response.json(undefined)]) { try { f(); } catch (e) { bad.push(e.name); } }
        const j = Response.json({ a: 1 }, { status: 201 });
        return [j.status, j.ok, j.headers.get("content-type"), Response.redirect("https://h/x", 303).headers.get("location"), Response.error().type, bad];"#,
    );
    let bad = json!(["TypeError", "RangeError", "RangeError", "TypeError", "TypeError", "TypeError"]);
    assert_eq!(said, json!([201, true, "application/json", "https://h/x", "error", bad]));
}

#[test]
fn fetch_goes_through_the_host() {
    let instance = callable(
        r#"const r = await fetch("https://api.example.com/x", { method: "POST", headers: { a: "b" }, body: JSON.stringify({ n: 1 }), redirect: "manual" });
        return [r.status, r.ok, r.statusText, r.headers.get("x"), r.url, r.redirected, await r.json()];"#,
    )
    .host(|_, _, _| {
        let head = json!({"status": 201, "statusText": "Created", "headers": [["x", "1"], ["x", "2"]], "url": "https://api.example.com/y"});
        Ok((head, br#"{"ok":true}"#.to_vec()))
    });
    let expected = json!([201, true, "Created", "1, 2", "https://api.example.com/y", true, {"ok": true}]);
    assert_eq!(instance.returns(&Value::Null), expected);
    let (op, arguments, body) = instance.seen.borrow().calls[0].clone();
    let headers = json!([["a", "b"], ["content-type", "text/plain;charset=UTF-8"]]);
    let told = json!({"method": "POST", "url": "https://api.example.com/x", "headers": headers, "redirect": "manual"});
    assert_eq!((op.as_str(), arguments, body), ("fetch", told, br#"{"n":1}"#.to_vec()));
}

#[test]
fn a_refused_fetch_is_a_type_error_with_the_cause() {
    let body = r#"try { await ctx.fetch("http://10.0.0.1/"); } catch (e) { return [e.name, e.code, e.cause instanceof FunctionError]; }"#;
    let instance = callable(body).host(|_, _, _| Err((403, "address_refused", json!({}))));
    assert_eq!(instance.returns(&Value::Null), json!(["TypeError", "address_refused", true]));
    let aborted = r#"try { await fetch("http://h/", { signal: AbortSignal.abort() }); } catch (e) { return e.name; }"#;
    assert_eq!(returned(aborted), json!("AbortError"));
    let top = Instance::new(
        "export let why = null; fetch('http://h/').catch((e) => { why = e.name; });
        import { callable } from 'basalt:functions'; export const f = callable(() => why);",
    );
    top.drain();
    assert_eq!(top.returns(&Value::Null), json!("TypeError"));
}

fn http(body: &str) -> Instance {
    Instance::new(&format!(
        "import {{ http }} from 'basalt:functions'; export const f = http(async (request, ctx) => {{ {body} }});"
    ))
}

#[test]
fn an_http_function_gets_raw_bytes_and_answers() {
    let instance = http(
        r#"const raw = await request.bytes();
        return new Response(`${request.method} ${new URL(request.url).pathname} ${request.headers.get("authorization")} ${raw.length}`,
          { status: 202, headers: [["x", "y"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]] });"#,
    );
    let outcome =
        instance.request("POST", "https://h/v1/functions/f/t?x=1", &[("Authorization", "Foreign x")], b"\x00\xff\x01");
    assert_eq!(outcome, Outcome::Returned(None));
    let seen = instance.seen.borrow();
    let headers =
        json!([["content-type", "text/plain;charset=UTF-8"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x", "y"]]);
    assert_eq!(seen.head, Some((202, headers)));
    assert_eq!(String::from_utf8_lossy(&seen.pieces.concat()), "POST /v1/functions/f/t Foreign x 3");
    assert!(seen.ended);
}

#[test]
fn an_http_answer_may_be_streamed_and_left() {
    let source = r#"let n = 0; return new Response(new ReadableStream({ pull(c) { c.enqueue(new TextEncoder().encode(`${n}`)); if (++n === 3) c.close(); }, cancel() { console.log("left"); } }));"#;
    let instance = http(source);
    instance.request("GET", "https://h/", &[], b"");
    assert_eq!(instance.seen.borrow().pieces, [b"0", b"1", b"2"]);
    assert!(instance.seen.borrow().ended);
    let instance = http(source);
    instance.seen.borrow_mut().reads_on = false;
    instance.request("GET", "https://h/", &[], b"");
    assert_eq!(instance.seen.borrow().pieces.len(), 1);
    assert_eq!(instance.seen.borrow().logs[0].1, "left");
}

#[test]
fn an_http_function_without_a_response_fails() {
    let outcome = http("return 1;").request("GET", "https://h/", &[], b"");
    assert!(matches!(outcome, Outcome::Threw(thrown) if thrown.message.contains("Response")));
    let broken = http(r#"return new Response(new ReadableStream({ pull(c) { c.error(new Error("broke")); } }));"#);
    let outcome = broken.request("GET", "https://h/", &[], b"");
    assert!(matches!(outcome, Outcome::Threw(thrown) if thrown.message == "broke"));
    assert!(!broken.seen.borrow().ended);
}
