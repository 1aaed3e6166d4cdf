//! Events: how soon a function begins after the write, and whether a backlog drains at one rate.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::calls::number;
use super::{deploy_one, percentile};
use crate::connection::{Connection, request};
use crate::error::Result;
use crate::realtime::World;

const PER_SECOND: u64 = 500;
/// One in so many says how late it was.
const SAMPLED: u64 = 5;
const BACKLOG: usize = 100_000;
/// Lines of one import.
const LINES: usize = 10_000;
/// The longest that the backlog is waited for.
const PATIENCE: Duration = Duration::from_mins(20);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Events {
    pub(crate) writes: u64,
    pub(crate) samples: usize,
    pub(crate) lost: usize,
    /// From the commit to the first line of the function.
    pub(crate) p50_millis: f64,
    pub(crate) p99_millis: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Backlog {
    pub(crate) events: usize,
    pub(crate) seconds: f64,
    /// Events a second of the first, the second, … tenth of the time.
    pub(crate) rates: Vec<f64>,
}

impl Backlog {
    pub(crate) fn per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// The slowest piece against the whole.
    pub(crate) fn steadiness(&self) -> f64 {
        let inner = self.rates.get(1..self.rates.len().saturating_sub(1)).unwrap_or_default();
        inner.iter().copied().reduce(f64::min).unwrap_or_default() / self.per_second()
    }
}

const LATE: &str = r#"
    export const late = onDocument("things", { on: ["create"] }, async (event: any, ctx) => {
        const millis = Date.now() - Date.parse(event.at);
        if (event.doc.sampled) await ctx.asService().db.collection("late").create({ millis });
    });
"#;

pub(crate) async fn measure(world: &mut World, seconds: Duration) -> Result<Events> {
    prepare(world, LATE).await?;
    let writes = PER_SECOND * seconds.as_secs();
    // Workers and instances are there, and statements prepared.
    write(world, PER_SECOND, "warm").await?;
    settle(world, sampled(PER_SECOND)).await?;
    write(world, writes, "d").await?;
    let wanted = sampled(PER_SECOND) + sampled(writes);
    let all = settle(world, wanted).await?;
    let mut millis: Vec<f64> = all.iter().skip(sampled(PER_SECOND)).map(|row| number(row, "/millis")).collect();
    let (p50_millis, p99_millis) = (percentile(&mut millis, 0.5), percentile(&mut millis, 0.99));
    Ok(Events { writes, samples: millis.len(), lost: wanted.saturating_sub(all.len()), p50_millis, p99_millis })
}

async fn prepare(world: &mut World, source: &str) -> Result<()> {
    for collection in ["things", "late"] {
        world.define(collection, "false").await?;
    }
    deploy_one(world, source).await
}

fn sampled(writes: u64) -> usize {
    usize::try_from(writes / SAMPLED).unwrap_or(usize::MAX)
}

/// So many a second, each at its time whether the one before was answered or not: on connections in turns.
async fn write(world: &mut World, count: u64, prefix: &str) -> Result<()> {
    let mut connections = Vec::new();
    for _ in 0..16 {
        connections.push(Connection::open(&world.server.address).await?);
    }
    let begin = Instant::now();
    let turns = u64::try_from(connections.len())?;
    let (key, prefix) = (world.key.clone(), prefix.to_owned());
    let writers = connections.into_iter().zip(0_u64..).map(|(mut connection, turn)| {
        let (key, prefix) = (key.clone(), prefix.clone());
        async move {
            for n in (turn..count).step_by(usize::try_from(turns).unwrap_or(1)) {
                let due = Duration::from_micros(n * 1_000_000 / PER_SECOND);
                tokio::time::sleep(due.saturating_sub(begin.elapsed())).await;
                let body = json!({"id": format!("{prefix}{n}"), "sampled": n % SAMPLED == 0}).to_string();
                let path = "/v1/collections/things/documents";
                let status = connection.exchange(&request("POST", path, Some(&key), Some(&body))).await;
                match status {
                    Ok(201) => {}
                    Ok(status) => return Err(format!("a write is answered by {status}")),
                    Err(error) => return Err(error.to_string()),
                }
            }
            Ok(())
        }
    });
    for done in futures_util::future::join_all(writers).await {
        done?;
    }
    Ok(())
}

/// All samples in the order they were made, once there are so many, or once no more come.
async fn settle(world: &mut World, wanted: usize) -> Result<Vec<Value>> {
    let mut still = 0;
    let mut before = 0;
    loop {
        let all = samples(world).await?;
        still = if all.len() == before { still + 1 } else { 0 };
        if all.len() >= wanted || still > 50 {
            return Ok(all);
        }
        before = all.len();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn samples(world: &mut World) -> Result<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/collections/late/documents?sort=createdAt,id&limit=500{cursor}");
        let page = world.call("GET", &path, None).await?;
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// Does nothing: what is measured is how events come to it.
const COUNT: &str = r#"
    export const count = onDocument("things", { on: ["create"] }, async () => {});
"#;

pub(crate) async fn backlog(world: &mut World) -> Result<Backlog> {
    prepare(world, COUNT).await?;
    let mut imported = 0;
    let begin = Instant::now();
    while imported < BACKLOG {
        let lines: Vec<String> = (imported..imported + LINES).map(|n| format!("{{\"id\":\"d{n}\"}}\n")).collect();
        import(world, &lines.concat()).await?;
        imported += LINES;
    }
    let mut marks = vec![(begin.elapsed(), handled(world).await?)];
    while handled(world).await? < BACKLOG as f64 {
        if begin.elapsed() > PATIENCE {
            return Err("the backlog doesn't drain".into());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        marks.push((begin.elapsed(), handled(world).await?));
    }
    let seconds = marks.last().map_or(0.0, |(at, _)| at.as_secs_f64());
    Ok(Backlog { events: BACKLOG, seconds, rates: rates(&marks) })
}

/// Events a second in ten pieces of the time.
fn rates(marks: &[(Duration, f64)]) -> Vec<f64> {
    let step = (marks.len() / 10).max(1);
    let picked: Vec<_> = marks.iter().step_by(step).collect();
    let rate = |pair: &[&(Duration, f64)]| match pair {
        [(from, before), (to, after)] => (after - before) / (to.as_secs_f64() - from.as_secs_f64()),
        _ => 0.0,
    };
    picked.windows(2).map(rate).collect()
}

/// How many were handled, by the server's own count.
async fn handled(world: &mut World) -> Result<f64> {
    world.metric_of("basalt_trigger_deliveries_total", &["target=\"function/count\"", "outcome=\"done\""]).await
}

async fn import(world: &mut World, lines: &str) -> Result<()> {
    let key = &world.key;
    let head = format!(
        "POST /v1/collections/things/import?mode=create HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{lines}",
        lines.len()
    );
    // Its answer is a stream, which ends with the connection.
    let mut stream = TcpStream::connect(&world.server.address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    if text.contains("\"done\":true") && text.contains("\"failed\":0") {
        Ok(())
    } else {
        Err(format!("an import: {text}").into())
    }
}
