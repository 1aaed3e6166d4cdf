//! Schedules: ticks of cron expressions, each once on all nodes.
