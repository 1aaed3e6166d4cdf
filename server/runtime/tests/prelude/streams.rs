//! Streams of the web.

use serde_json::json;

use crate::support::returned;

#[test]
fn a_stream_is_read_in_order_and_pulls_by_need() {
    let said = returned(
        r"let pulls = 0; const s = new ReadableStream({ pull(c) { c.enqueue(pulls++); if (pulls === 4) c.close(); } });
        const seen = []; for await (const x of s) seen.push(x);
        const lazy = new ReadableStream({ pull() { pulls = 100; } }, { highWaterMark: 0 }); await null; await null;
        return [seen, pulls, s.locked];",
    );
    assert_eq!(said, json!([[0, 1, 2, 3], 4, false]));
}

#[test]
fn errors_and_cancels_go_both_ways() {
    let said = returned(
        r#"let why; const s = new ReadableStream({ start(c) { c.enqueue(1); }, cancel(r) { why = r; } });
        const reader = s.getReader(); let locked; try { s.getReader(); } catch (e) { locked = e.name; }
        await reader.read(); await reader.cancel("enough"); const after = await reader.read(); reader.releaseLock();
        const broken = new ReadableStream({ pull() { throw new RangeError("x"); } }); let thrown; try { await broken.getReader().read(); } catch (e) { thrown = e.name; }
        const early = []; for await (const x of ReadableStream.from([1, 2, 3])) { early.push(x); break; }
        return [why, locked, after.done, thrown, early];"#,
    );
    assert_eq!(said, json!(["enough", "TypeError", true, "RangeError", [1]]));
}

#[test]
fn pipes_change_what_flows_and_wait_for_the_slow() {
    let said = returned(
        r#"const upper = new TransformStream({ transform(x, c) { c.enqueue(x.toUpperCase()); c.enqueue("-"); }, flush(c) { c.enqueue("end"); } });
        const out = []; let most = 0, open = 0;
        const slow = new WritableStream({ async write(x) { most = Math.max(most, ++open); await new Promise((d) => setTimeout(d, 5)); open--; out.push(x); }, close() { out.push("closed"); } });
        await ReadableStream.from(["a", "b"]).pipeThrough(upper).pipeTo(slow);
        const bytes = ReadableStream.from([Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xac)]).pipeThrough(new TextDecoderStream());
        let text = ""; for await (const t of bytes) text += t;
        const encoded = []; for await (const b of ReadableStream.from(["€"]).pipeThrough(new TextEncoderStream())) encoded.push(...b);
        return [out, most, text, encoded];"#,
    );
    assert_eq!(said, json!([["A", "-", "B", "-", "end", "closed"], 1, "€", [226, 130, 172]]));
}

#[test]
fn a_broken_pipe_tells_both_ends() {
    let said = returned(
        r#"let cancelled, aborted;
        const source = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { cancelled = r.message; } });
        try { await source.pipeTo(new WritableStream({ write() { throw new Error("full"); } })); } catch (e) { cancelled += `/${e.message}`; }
        const bad = new ReadableStream({ pull() { throw new Error("dry"); } });
        try { await bad.pipeTo(new WritableStream({ abort(r) { aborted = r.message; } })); } catch (e) { aborted += `/${e.message}`; }
        const failing = ReadableStream.from([1]).pipeThrough(new TransformStream({ transform() { throw new Error("odd"); } }));
        let odd; try { for await (const _ of failing); } catch (e) { odd = e.message; }
        return [cancelled, aborted, odd];"#,
    );
    assert_eq!(said, json!(["full/full", "dry/dry", "odd"]));
}

#[test]
fn a_tee_gives_both_all() {
    let said = returned(
        r#"const [a, b] = ReadableStream.from([1, 2, 3]).tee(); const x = [], y = [];
        for await (const v of a) x.push(v); for await (const v of b) y.push(v);
        const [c, d] = new Response("body").body.tee();
        return [x, y, await new Response(c).text(), await new Response(d).text()];"#,
    );
    assert_eq!(said, json!([[1, 2, 3], [1, 2, 3], "body", "body"]));
}
