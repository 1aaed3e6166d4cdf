//! The log in the metrics.

use basalt_core::{Result, Timestamp};

use super::{Changes, ConsumerState};

impl Changes {
    /// Sets the gauges of the log: its size and age, and for each durable reader how far it is behind.
    pub async fn measure(&self, now: Timestamp) -> Result<()> {
        let stats = self.store.log_stats().await?;
        metrics::gauge!("basalt_log_bytes").set(stats.bytes as f64);
        let age = stats.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        metrics::gauge!("basalt_log_age_seconds").set(age);
        for reader in self.all_readers(now).await? {
            let broken = if reader.state == ConsumerState::Broken { 1.0 } else { 0.0 };
            let name = reader.name;
            metrics::gauge!("basalt_log_reader_behind", "reader" => name.clone()).set(reader.behind as f64);
            metrics::gauge!("basalt_log_reader_lag_seconds", "reader" => name.clone()).set(reader.lag.as_secs_f64());
            metrics::gauge!("basalt_log_reader_broken", "reader" => name).set(broken);
        }
        Ok(())
    }
}
