//! URL, text, base 64, hashes, clones, events: by the vectors of their standards.

use serde_json::json;

use crate::support::{callable, returned};

#[test]
fn urls_are_parsed_as_the_standard_says() {
    let said = returned(
        r#"const of = (...a) => { try { return new URL(...a).href; } catch (e) { return e.name; } };
        return [of("https://EXAMPLE.com:443/a/../b?x#y"), of("../c?d", "https://u:p@h.example:8443/a/b/"), of("//x/y", "https://h/"),
          of("http://192.168.0.1.:80/"), of("http://0x7f.1/"), of("http://[::1]:3000/p"), of("https://bücher.example/ü?ü"),
          of("mailto:a@b"), of("data:text/plain,hi"), of("nonsense"), of("http://a b/"), of("/x"), of("http://h:99999/"),
          of("file:///x/../y"), URL.canParse("x:y"), URL.canParse("x"), URL.parse("x")];"#,
    );
    assert_eq!(
        said,
        json!([
            "https://example.com/b?x#y",
            "https://u:p@h.example:8443/a/c?d",
            "https://x/y",
            "http://192.168.0.1/",
            "http://127.0.0.1/",
            "http://[::1]:3000/p",
            "https://xn--bcher-kva.example/%C3%BC?%C3%BC",
            "mailto:a@b",
            "data:text/plain,hi",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "file:///y",
            true,
            false,
            null
        ])
    );
}

#[test]
fn parts_of_a_url_can_be_set() {
    let said = returned(
        r#"const u = new URL("https://user:pw@example.com:8080/a?b=1#c");
        const parts = [u.origin, u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash];
        u.port = "443"; u.pathname = "x y"; u.search = "q=1"; u.hash = ""; u.host = "other.example:1"; u.username = "";
        u.password = ""; u.protocol = "http"; u.port = "nonsense";
        u.searchParams.append("r", "ä &"); u.searchParams.set("q", "2");
        const params = u.searchParams; u.search = "?z=9";
        try { u.href = "nonsense"; } catch (e) { parts.push(e.name); }
        return [parts, u.href, params.get("z"), `${u}`, JSON.stringify({ u })];"#,
    );
    assert_eq!(
        said[0],
        json!([
            "https://example.com:8080",
            "https:",
            "user",
            "pw",
            "example.com:8080",
            "example.com",
            "8080",
            "/a",
            "?b=1",
            "#c",
            "TypeError"
        ])
    );
    assert_eq!(said[1], "http://other.example:1/x%20y?z=9");
    assert_eq!(said[2], "9");
}

#[test]
fn parameters_keep_their_order_and_escape() {
    let said = returned(
        r#"const p = new URLSearchParams("?a=1&b=%20+&a=2&c"); p.append("d", "&=?ü\ud800"); p.delete("b"); p.sort();
        const q = new URLSearchParams({ x: "1", y: "2" }); const r = new URLSearchParams([["k", "v"], ["k", "w"]]);
        return [p.toString(), p.getAll("a"), p.get("c"), p.has("b"), p.has("a", "2"), p.size, [...q], `${r}`, [...r.keys()]];"#,
    );
    assert_eq!(said[0], "a=1&a=2&c=&d=%26%3D%3F%C3%BC%EF%BF%BD");
    assert_eq!(said[1], json!(["1", "2"]));
    assert_eq!((&said[2], &said[3], &said[4], &said[5]), (&json!(""), &json!(false), &json!(true), &json!(4)));
    assert_eq!((&said[6], &said[7]), (&json!([["x", "1"], ["y", "2"]]), &json!("k=v&k=w")));
}

#[test]
fn text_is_encoded_and_decoded() {
    let said = returned(
        r#"const e = new TextEncoder(), d = new TextDecoder();
        const bytes = e.encode("aä€😀\ud800");
        const stream = new TextDecoder(); let parts = "";
        for (const byte of bytes) parts += stream.decode(Uint8Array.of(byte), { stream: true });
        parts += stream.decode();
        let fatal = null; try { new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff)); } catch (x) { fatal = x.name; }
        const into = new Uint8Array(4);
        return [[...bytes], d.decode(bytes) === parts, parts, fatal, d.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 65)),
          e.encodeInto("€€", into), d.decode(Uint8Array.of(0xe2, 0x82, 65)), d.decode()];"#,
    );
    assert_eq!(said[0], json!([97, 195, 164, 226, 130, 172, 240, 159, 152, 128, 239, 191, 189]));
    assert_eq!((&said[1], &said[2]), (&json!(true), &json!("aä€😀\u{fffd}")));
    assert_eq!((&said[3], &said[4], &said[5]), (&json!("TypeError"), &json!("A"), &json!({"read": 1, "written": 3})));
    assert_eq!((&said[6], &said[7]), (&json!("\u{fffd}A"), &json!("")));
}

#[test]
fn base_64_is_that_of_the_web() {
    let said = returned(
        r#"const of = (f) => { try { return f(); } catch (e) { return e.name; } };
        return [btoa("hällo"), atob("aORsbG8="), atob(" YQ "), atob("YQ=="), of(() => atob("YQ=")), of(() => atob("Y")),
          of(() => atob("a-b_")), of(() => btoa("€")), btoa(""), atob("")];"#,
    );
    let bad = "InvalidCharacterError";
    assert_eq!(said, json!(["aORsbG8=", "hällo", "a", "a", bad, bad, bad, bad, "", ""]));
}

#[test]
fn hashes_and_signatures_are_those_of_the_vectors() {
    let said = returned(
        r#"const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, "0")).join("");
        const abc = new TextEncoder().encode("abc"), s = crypto.subtle;
        const key = await s.importKey("raw", new TextEncoder().encode("Jefe"), { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]);
        const data = new TextEncoder().encode("what do ya want for nothing?");
        const signed = await s.sign("HMAC", key, data);
        const bent = new Uint8Array(signed.slice(0)); bent[0] ^= 1;
        const jwk = await s.exportKey("jwk", key);
        const again = await s.importKey("jwk", jwk, { name: "HMAC", hash: { name: "SHA-256" } }, false, ["sign"]);
        const refusals = [];
        for (const f of [() => s.digest("MD5", abc), () => s.exportKey("raw", again), () => s.verify("HMAC", again, signed, data),
          () => s.importKey("raw", abc, "AES-GCM", true, ["encrypt"])]) { try { await f(); } catch (e) { refusals.push(e.name); } }
        return [hex(await s.digest("SHA-1", abc)), hex(await s.digest({ name: "sha-256" }, abc)), hex(await s.digest("SHA-384", abc)).slice(0, 16),
          hex(await s.digest("SHA-512", abc.buffer)).slice(0, 16), hex(signed), await s.verify("HMAC", key, signed, data),
          await s.verify("HMAC", key, bent, data), await s.verify("HMAC", key, signed.slice(1), data), jwk.k, hex(await s.sign("HMAC", again, data)) === hex(signed), refusals];"#,
    );
    assert_eq!(
        said,
        json!([
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "cb00753f45a35e8b",
            "ddaf35a193617aba",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            true,
            false,
            false,
            "SmVmZQ",
            true,
            ["NotSupportedError", "InvalidAccessError", "InvalidAccessError", "NotSupportedError"]
        ])
    );
}

#[test]
fn random_values_come_from_the_host() {
    let said = returned(
        r"let quota = null; try { crypto.getRandomValues(new Uint8Array(65537)); } catch (e) { quota = e.name; }
        return [[...crypto.getRandomValues(new Uint16Array(2))], crypto.randomUUID(), quota];",
    );
    assert_eq!(said, json!([[256, 770], "00010203-0405-4607-8809-0a0b0c0d0e0f", "QuotaExceededError"]));
}

#[test]
fn clones_are_deep_and_keep_cycles() {
    let said = returned(
        r#"const a = { d: new Date(5), r: /x/gi, m: new Map([[{ k: 1 }, new Set([1])]]), b: Uint8Array.of(1, 2).subarray(1), e: new RangeError("no"), n: 1n, u: undefined };
        a.self = a; const c = structuredClone(a);
        const moved = new ArrayBuffer(4); const got = structuredClone(moved, { transfer: [moved] });
        const refused = []; for (const x of [() => 1, Symbol("s"), { p: Promise.resolve() }]) { try { structuredClone(x); } catch (e) { refused.push(e.name); } }
        return [c !== a && c.self === c, c.d.getTime(), String(c.r), [...c.m.keys()][0].k, [...[...c.m.values()][0]], [...c.b], c.b.buffer !== a.b.buffer,
          c.e instanceof RangeError && c.e.message, c.n === 1n, "u" in c, moved.byteLength, got.byteLength, refused, structuredClone([1, , 3]).length];"#,
    );
    let refused = json!(["DataCloneError", "DataCloneError", "DataCloneError"]);
    assert_eq!(said, json!([true, 5, "/x/gi", 1, [1], [2], true, "no", true, true, 0, 4, refused, 3]));
}

#[test]
fn signals_abort_once_and_time_out() {
    let said = returned(
        r#"const c = new AbortController(); let heard = 0;
        c.signal.addEventListener("abort", () => heard++); c.signal.onabort = () => heard++;
        const any = AbortSignal.any([AbortSignal.timeout(50), c.signal]);
        c.abort("why"); c.abort("again");
        const late = AbortSignal.timeout(10);
        await new Promise((done) => late.addEventListener("abort", done, { once: true }));
        let thrown; try { AbortSignal.abort().throwIfAborted(); } catch (e) { thrown = e.name; }
        return [heard, c.signal.reason, any.aborted, any.reason, late.reason.name, thrown];"#,
    );
    assert_eq!(said, json!([2, "why", true, "why", "TimeoutError", "AbortError"]));
}

#[test]
fn the_clock_runs_and_globals_can_be_replaced() {
    let said = returned(
        "globalThis.fetch = () => 7; return [typeof performance.now(), fetch(), typeof URL, self === globalThis];",
    );
    assert_eq!(said, json!(["number", 7, "function", true]));
    assert!(callable("require('fs');").throws().message.contains("require"));
}
