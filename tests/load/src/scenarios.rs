//! What is measured.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::connection::request;
use crate::error::Result;
use crate::measure::{Figure, Next, Until, run};
use crate::seed::{PASSWORD, Seed, USERS, body, email};
use crate::server::Server;

const DOCUMENTS: &str = "/v1/collections/items/documents";
/// `filter=status == 'open'&sort=-rank&limit=20`, encoded.
const LIST: &str = "/v1/collections/items/documents?filter=status%20%3D%3D%20%27open%27&sort=-rank&limit=20";
const MILLION: usize = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MillionWrites {
    pub(crate) figure: Figure,
    pub(crate) largest_wal_bytes: u64,
}

/// Each figure with its ratio to hello, which is taken before and after the others.
pub(crate) async fn all(
    server: &Server,
    seed: &Seed,
    connections: usize,
    seconds: Duration,
    only: &[String],
) -> Result<Vec<Figure>> {
    let warm_up = Until::Elapsed(Duration::from_secs(2));
    let measured: [(&str, Next); 5] = [
        ("get", gets(seed)),
        ("list of 20", lists(seed)),
        ("create", creates(seed)),
        ("update", updates(seed)),
        ("login", logins()),
    ];
    run("warm-up", &server.address, connections, warm_up, hellos()).await?;
    let mut figures = vec![run("hello", &server.address, connections, Until::Elapsed(seconds), hellos()).await?];
    let chosen = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    for (name, next) in measured.into_iter().filter(|(name, _)| chosen(name)) {
        if name != "login" {
            run("warm-up", &server.address, connections, warm_up, next.clone()).await?;
        }
        figures.push(run(name, &server.address, connections, Until::Elapsed(seconds), next).await?);
    }
    let again = run("hello", &server.address, connections, Until::Elapsed(seconds), hellos()).await?;
    let hello = f64::midpoint(figures[0].per_second, again.per_second);
    for figure in &mut figures {
        figure.ratio_to_hello = Some(figure.per_second / hello);
    }
    Ok(figures)
}

/// Gets on three quarters of the connections while the rest sign in flat out.
pub(crate) async fn get_beside_logins(
    server: &Server,
    seed: &Seed,
    connections: usize,
    seconds: Duration,
) -> Result<Figure> {
    let until = Until::Elapsed(seconds);
    let (gets, logins) = (gets(seed), logins());
    let few = connections / 4;
    let (figure, _) = tokio::join!(
        run("get beside logins", &server.address, connections - few, until, gets),
        run("logins", &server.address, few, until, logins),
    );
    figure
}

/// Single writes one after the other until there are a million, watching the write-ahead log.
pub(crate) async fn million_writes(server: &Server, seed: &Seed, connections: usize) -> Result<MillionWrites> {
    let mut largest = 0;
    let writes = run("a million updates", &server.address, connections, Until::Requests(MILLION), updates(seed));
    let mut writes = std::pin::pin!(writes);
    loop {
        tokio::select! {
            figure = &mut writes => return Ok(MillionWrites { figure: figure?, largest_wal_bytes: largest }),
            () = tokio::time::sleep(Duration::from_millis(100)) => largest = largest.max(server.wal_bytes()),
        }
    }
}

fn hellos() -> Next {
    let hello = request("GET", "/health/live", None, None);
    Rc::new(move |_, _| hello.clone())
}

/// A number that jumps around, the same in every run.
fn scattered(connection: usize, k: usize) -> usize {
    (connection.wrapping_mul(0x9e37_79b9) ^ k).wrapping_mul(0x85eb_ca6b_usize) >> 7
}

/// One of the documents of a connection's user.
fn own_document(documents: usize, connection: usize, k: usize) -> usize {
    let own = documents / USERS;
    (scattered(connection, k) % own) * USERS + connection % USERS
}

fn tokens(seed: &Seed) -> Vec<String> {
    seed.users.iter().map(|user| user.token.clone()).collect()
}

fn gets(seed: &Seed) -> Next {
    let (tokens, documents) = (tokens(seed), seed.documents);
    Rc::new(move |n, k| {
        let path = format!("{DOCUMENTS}/d{}", own_document(documents, n, k));
        request("GET", &path, Some(&tokens[n % USERS]), None)
    })
}

fn lists(seed: &Seed) -> Next {
    let tokens = tokens(seed);
    Rc::new(move |n, _| request("GET", LIST, Some(&tokens[n % USERS]), None))
}

fn creates(seed: &Seed) -> Next {
    let tokens = tokens(seed);
    let bodies: Vec<String> = (0..USERS * 4).map(|n| body(&seed.user(n).id, n).to_string()).collect();
    Rc::new(move |n, k| {
        let body = &bodies[(n + k * USERS) % bodies.len()];
        request("POST", DOCUMENTS, Some(&tokens[n % USERS]), Some(body))
    })
}

fn updates(seed: &Seed) -> Next {
    let (tokens, documents) = (tokens(seed), seed.documents);
    let increment = json!({"n": {"$increment": 1}}).to_string();
    Rc::new(move |n, k| {
        let path = format!("{DOCUMENTS}/d{}", own_document(documents, n, k));
        request("PATCH", &path, Some(&tokens[n % USERS]), Some(&increment))
    })
}

fn logins() -> Next {
    let sign_in = |n: usize| {
        let body = json!({"email": email(USERS + n), "password": PASSWORD}).to_string();
        request("POST", "/v1/auth/login", None, Some(&body))
    };
    let prepared: Vec<Vec<u8>> = (0..USERS).map(sign_in).collect();
    Rc::new(move |n, _| prepared[n % USERS].clone())
}
