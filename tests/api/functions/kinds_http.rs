//! `http`: a request goes in as it came, and an answer comes out.

use basalt_testing::{TestServer, on_both_engines};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{call, define_closed, deploy, function};
use crate::support::document;

on_both_engines! {
    any_method_and_path_reaches_it,
    an_answer_without_a_body_ends_with_its_head,
    a_signed_webhook_arrives_as_it_was_sent,
    who_has_a_token_of_ours_is_known,
    an_answer_comes_as_it_is_made,
    pages_are_in_a_sandbox,
    what_it_throws_is_a_problem,
    without_a_rule_it_is_nobodys,
}

async fn any_method_and_path_reaches_it(server: TestServer) {
    let source = r#"
        export const echo = http({ invoke: "true" }, async (request: Request) => {
            const url = new URL(request.url);
            const body = { method: request.method, path: url.pathname, query: [...url.searchParams], kind: request.headers.get("content-type"),
                mine: request.headers.get("x-mine"), text: await request.text() };
            return Response.json(body, { status: 202, headers: { "x-answer": "yes" } });
        });
        export const empty = http({ invoke: "true" }, async () => new Response(null, { status: 204 }));
        export const moved = http({ invoke: "true" }, async () => new Response("", { status: 302, headers: { location: "https://example.com/" } }));
        export const bytes = http({ invoke: "true" }, async (request: Request) => {
            const body = new Uint8Array(await request.arrayBuffer());
            return new Response(body.reverse(), { headers: { "content-type": "application/octet-stream" } });
        });
    "#;
    deploy(&server, source).await;
    let visitor = server.visitor();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let path = format!("{}/a/b%20c", function("echo"));
        let sent = visitor.call(method.clone(), &path).query(&[("q", "1"), ("q", "two words")]);
        let answer = sent.header("x-mine", "it").body("text/plain", *b"hello").expect(202).await;
        assert_eq!(answer.header("x-answer").as_deref(), Some("yes"));
        assert!(answer.header("basalt-invocation").is_some() && answer.header("x-request-id").is_some(), "{answer}");
        let body = answer.body();
        assert_eq!((&body["method"], &body["mine"]), (&json!(method.as_str()), &json!("it")));
        assert_eq!((&body["kind"], &body["text"]), (&json!("text/plain"), &json!("hello")));
        assert_eq!(body["query"], json!([["q", "1"], ["q", "two words"]]));
        assert!(body["path"].as_str().is_some_and(|path| path.ends_with("/a/b%20c")), "{body}");
    }
    let answer = visitor.get(&function("echo")).expect(202).await;
    assert_eq!((answer.at("/method"), answer.at("/text")), (json!("GET"), json!("")));
    visitor.get(&function("empty")).expect(204).await;
    let answer = visitor.get(&format!("{}/", function("moved"))).expect(302).await;
    assert_eq!(answer.header("location").as_deref(), Some("https://example.com/"));
    let raw: Vec<u8> = (0..=255).collect();
    let answer = visitor.post(&function("bytes")).body("application/x-anything", raw.clone()).expect(200).await;
    assert!(answer.bytes.iter().rev().eq(raw.iter()), "bytes are bytes");
    visitor.get(&function("nobody")).problem(404, "function_not_found").await;
}

/// What came after it would be read as the next answer.
async fn an_answer_without_a_body_ends_with_its_head(server: TestServer) {
    let source = r#"
        export const empty = http({ invoke: "true" }, async (request: Request) =>
            new Response(null, { status: Number(new URL(request.url).searchParams.get("status")) }));
    "#;
    deploy(&server, source).await;
    for status in [204, 304] {
        let mut stream = TcpStream::connect(server.base().trim_start_matches("http://")).await.unwrap();
        let path = format!("{}?status={status}", function("empty"));
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("transfer-encoding"), "{answer}");
        assert_eq!(answer.find("\r\n\r\n"), Some(answer.len() - 4), "{answer}");
    }
}

/// As Stripe and others do it: the signature is over the bytes, not over what they mean.
async fn a_signed_webhook_arrives_as_it_was_sent(server: TestServer) {
    let source = r#"
        const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
        export const payments = http({ invoke: "true" }, async (request: Request, ctx) => {
            const body = new Uint8Array(await request.arrayBuffer());
            const [, time, signature] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(request.headers.get("stripe-signature") ?? "") ?? [];
            const usage = { name: "HMAC", hash: "SHA-256" };
            const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(ctx.secrets.PAYMENTS), usage, false, ["sign"]);
            const signed = new Uint8Array([...new TextEncoder().encode(`${time}.`), ...body]);
            if (hex(await crypto.subtle.sign("HMAC", key, signed)) !== signature) return new Response("no", { status: 400 });
            await ctx.asService().db.collection("payments").create(JSON.parse(new TextDecoder().decode(body)));
            return Response.json({ authorization: request.headers.get("authorization"), auth: ctx.auth });
        });
    "#;
    define_closed(&server, "payments").await;
    let secret = json!({"value": "whsec_something"});
    server.owner().put("/v1/admin/secrets/PAYMENTS").json(&secret).send().await;
    deploy(&server, source).await;
    // Such as no parser writes it again.
    let body = b"{ \"id\": \"evt_1\",\n  \"amount\" :1.0,\t\"note\":\"\\u00e9\" }\r\n";
    let signature = hmac(b"whsec_something", &[b"1795334400.".as_slice(), body].concat());
    let send = |signature: &str| {
        let header = format!("t=1795334400,v1={signature}");
        let sent = server.visitor().post(&function("payments")).header("stripe-signature", &header);
        sent.header("authorization", "Basic c3RyaXBlOmhvb2s=").body("application/json; charset=utf-8", *body)
    };
    let answer = send(&signature).expect(200).await;
    assert_eq!(answer.body(), json!({"authorization": "Basic c3RyaXBlOmhvb2s=", "auth": null}));
    let path = document("payments", "evt_1");
    assert_eq!(server.service().get(&path).expect(200).await.at("/amount"), 1);
    let mut forged = signature.into_bytes();
    forged[0] = if forged[0] == b'0' { b'1' } else { b'0' };
    send(&String::from_utf8(forged).unwrap()).expect(400).await;
    // What is no token of ours is theirs, bearer or not.
    let answer = server.visitor().post(&function("payments")).header("authorization", "Bearer of-somebody-else");
    assert_eq!(answer.body("application/json", *b"{}").send().await.status, 400);
}

fn hmac(key: &[u8], message: &[u8]) -> String {
    let block = |pad: u8| -> Vec<u8> { (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ pad).collect() };
    let inner = Sha256::digest([block(0x36), message.to_vec()].concat());
    let outer = Sha256::digest([block(0x5c), inner.to_vec()].concat());
    outer.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn who_has_a_token_of_ours_is_known(server: TestServer) {
    let source = r#"
        export const me = http({ invoke: "auth != null" }, async (_: Request, ctx) => Response.json({ id: ctx.auth.id }));
    "#;
    deploy(&server, source).await;
    let ann = server.user("ann").await;
    assert_eq!(ann.get(&function("me")).expect(200).await.body(), json!({ "id": ann.id }));
    let answer = server.visitor().get(&function("me")).send().await;
    assert!([401, 403].contains(&answer.status), "{answer}");
    server.key(&["documents:read"]).await.get(&function("me")).problem(403, "scope_missing").await;
}

async fn an_answer_comes_as_it_is_made(server: TestServer) {
    let source = r#"
        export const slow = http({ invoke: "true" }, async (_: Request, ctx) => {
            const db = ctx.asService().db.collection("gates");
            let n = 0;
            const body = new ReadableStream({
                async pull(controller) {
                    if (n === 3) return controller.close();
                    while ((await db.where("n", "==", n).count()) === 0) await new Promise((done) => setTimeout(done, 5));
                    controller.enqueue(new TextEncoder().encode(`piece ${n++}\n`));
                },
            });
            return new Response(body, { headers: { "content-type": "text/plain" } });
        });
    "#;
    define_closed(&server, "gates").await;
    deploy(&server, source).await;
    let open = async |n: u32| crate::support::create(server.service(), "gates", json!({ "n": n })).await;
    open(0).await;
    let mut lines = server.visitor().get(&function("slow")).open(200).await;
    // Each piece is here before the next one is made.
    for n in 0..3 {
        assert_eq!(lines.next().await, Some(format!("piece {n}")));
        open(n + 1).await;
    }
    assert_eq!(lines.next().await, None);
}

async fn pages_are_in_a_sandbox(server: TestServer) {
    let source = r#"
        export const page = http({ invoke: "true" }, async () =>
            new Response("<script>1</script>", { headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": "default-src *" } }));
        export const cookie = http({ invoke: "true" }, async () => new Response("x", { headers: { "x-request-id": "forged", "connection": "close", "transfer-encoding": "chunked", "content-length": "9" } }));
    "#;
    deploy(&server, source).await;
    let answer = server.visitor().get(&function("page")).expect(200).await;
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("sandbox allow-scripts allow-forms allow-popups"), "{policy}");
    assert!(!policy.contains("allow-same-origin"), "{policy}");
    assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
    // What belongs to the connection is the server's.
    let answer = server.visitor().get(&function("cookie")).expect(200).await;
    assert_eq!(answer.text(), "x");
    assert_ne!(answer.header("x-request-id").as_deref(), Some("forged"));
}

async fn what_it_throws_is_a_problem(server: TestServer) {
    let source = r#"
        export const refuse = http({ invoke: "true" }, async () => { throw new FunctionError("teapot", "short and stout", undefined, 418); });
        export const broken = http({ invoke: "true" }, async () => { throw new Error("canary"); });
        export const odd = http({ invoke: "true" }, async () => ({ no: "response" }) as any);
    "#;
    deploy(&server, source).await;
    server.visitor().get(&function("refuse")).problem(418, "teapot").await;
    let answer = server.visitor().get(&function("broken")).problem(500, "function_failed").await;
    assert!(!answer.text().contains("canary"), "{answer}");
    let answer = server.visitor().get(&function("odd")).send().await;
    assert_eq!(answer.status, 500, "{answer}");
}

async fn without_a_rule_it_is_nobodys(server: TestServer) {
    deploy(&server, "export const hook = http(async () => new Response(\"ran\"));").await;
    let ann = server.user("ann").await;
    for client in [&server.visitor(), &*ann] {
        for tail in ["", "/a/b"] {
            let answer = client.post(&format!("{}{tail}", function("hook"))).send().await;
            assert!([401, 403].contains(&answer.status), "{answer}");
        }
    }
    call(&ann, "hook", &json!({})).problem(403, "rule_missing").await;
    call(server.service(), "hook", &json!({})).expect(200).await;
}
