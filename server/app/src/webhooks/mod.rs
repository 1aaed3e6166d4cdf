//! Webhooks: events delivered to servers outside, signed, with a log of deliveries.
