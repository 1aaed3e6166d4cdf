//! Many connections at once, and the times of their requests.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::LocalSet;

use crate::connection::Connection;
use crate::error::Result;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_millis: f64,
    pub(crate) p99_millis: f64,
    /// Answers other than 2xx.
    pub(crate) refused: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio_to_hello: Option<f64>,
}

#[derive(Default)]
struct Samples {
    micros: Vec<u32>,
    refused: usize,
}

/// Makes the next request: of connection `n`, its `k`-th.
pub(crate) type Next = Rc<dyn Fn(usize, usize) -> Vec<u8>>;

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Elapsed(Duration),
    Requests(usize),
}

/// Runs `connections` at once, each with one request under way at a time.
pub(crate) async fn run(name: &str, address: &str, connections: usize, until: Until, next: Next) -> Result<Figure> {
    let samples = Rc::new(RefCell::new(Samples::default()));
    let start = Instant::now();
    let local = LocalSet::new();
    let mut tasks = Vec::new();
    for n in 0..connections {
        let (samples, next, address) = (samples.clone(), next.clone(), address.to_owned());
        tasks.push(local.spawn_local(async move { drive(n, &address, start, until, &samples, &next).await }));
    }
    local.await;
    for task in tasks {
        task.await?.map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(figure(name, &mut samples.borrow_mut(), start.elapsed()))
}

async fn drive(
    n: usize,
    address: &str,
    start: Instant,
    until: Until,
    samples: &RefCell<Samples>,
    next: &Next,
) -> Result<(), String> {
    let mut connection = Connection::open(address).await.map_err(|error| error.to_string())?;
    for k in 0.. {
        let done = match until {
            Until::Elapsed(limit) => start.elapsed() >= limit,
            Until::Requests(limit) => samples.borrow().micros.len() >= limit,
        };
        if done {
            break;
        }
        let request = next(n, k);
        let sent = Instant::now();
        let status = connection.exchange(&request).await.map_err(|error| error.to_string())?;
        let micros = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
        let mut samples = samples.borrow_mut();
        samples.micros.push(micros);
        samples.refused += usize::from(!(200..300).contains(&status));
    }
    Ok(())
}

fn figure(name: &str, samples: &mut Samples, elapsed: Duration) -> Figure {
    samples.micros.sort_unstable();
    let percentile = |share: f64| {
        let last = samples.micros.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the samples")]
        let at = (last as f64 * share) as usize;
        samples.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    };
    Figure {
        name: name.to_owned(),
        requests: samples.micros.len(),
        per_second: samples.micros.len() as f64 / elapsed.as_secs_f64(),
        p50_millis: percentile(0.5),
        p99_millis: percentile(0.99),
        refused: samples.refused,
        ratio_to_hello: None,
    }
}
