//! Learning of what other nodes commit.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Result, Seq};
use sqlx::postgres::PgListener;

use super::{Core, epoch, select};
use crate::changes;

const POLL_EVERY: Duration = Duration::from_millis(500);
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// Hears at once, but may miss something (NOTIFY is a hint).
pub(crate) async fn listen(core: Arc<Core>) {
    loop {
        if let Err(error) = hear(&core).await {
            tracing::warn!(%error, "listening to the database stopped; it goes on in a moment");
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

async fn hear(core: &Core) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(core.connections.pool()).await?;
    listener.listen_all(["basalt_changes", "basalt_catalog", "basalt_signals", "basalt_jobs"]).await?;
    // Something may have been said before anybody listened.
    core.shared.signals.send_modify(|count| *count = count.wrapping_add(1));
    while let Some(heard) = listener.try_recv().await? {
        match heard.channel() {
            "basalt_changes" => {
                if let Ok(seq) = heard.payload().parse::<Seq>() {
                    core.shared.reached(seq);
                }
            }
            "basalt_jobs" => core.shared.enqueued(),
            "basalt_signals" => core.shared.signals.send_modify(|count| *count = count.wrapping_add(1)),
            _ => {
                if let Err(error) = core.refresh().await {
                    tracing::warn!(?error, "the catalog can't be read; it is in a moment");
                }
            }
        }
    }
    Ok(())
}

/// Looks for itself, so that nothing is missed for long.
pub(crate) async fn poll(core: Arc<Core>) {
    loop {
        tokio::time::sleep(POLL_EVERY).await;
        if let Err(error) = look(&core).await {
            tracing::warn!(?error, "the database can't be polled");
        }
    }
}

async fn look(core: &Core) -> Result<()> {
    let (end, epoch) = {
        let mut connection = core.connections.acquire().await?;
        let end = changes::end(&select(&mut connection, changes::SELECT_END).await?)?;
        let epoch = epoch(&mut connection).await?;
        core.connections.give_back(connection);
        (end, epoch)
    };
    core.shared.reached(end);
    if epoch.is_some_and(|epoch| epoch > core.shared.known().epoch()) {
        core.refresh().await?;
    }
    Ok(())
}
