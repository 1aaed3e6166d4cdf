//! `/v1/admin`: for operators, and for services whose key has the scope `admin`.

mod audit;
mod buckets;
mod channels;
mod collections;
mod deadletters;
mod deploy;
mod deployments;
mod functions;
mod invocations;
mod keys;
mod login;
mod logout;
mod logs;
mod me;
mod operators;
mod outbox;
mod roles;
mod rules;
mod schedules;
mod secrets;
mod setup;
mod shared;
mod usage;
mod users;
mod webhooks;

use super::endpoint::{Endpoint, endpoint};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint!(setup),
    endpoint!(login),
    endpoint!(logout),
    endpoint!(me),
    endpoint!(collections::list),
    endpoint!(collections::get),
    endpoint!(collections::put),
    endpoint!(collections::delete),
    endpoint!(buckets::list),
    endpoint!(buckets::get),
    endpoint!(buckets::put),
    endpoint!(buckets::delete),
    endpoint!(users::list),
    endpoint!(users::create),
    // Before the user of that id.
    endpoint!(users::import),
    endpoint!(users::get),
    endpoint!(users::update),
    endpoint!(users::delete),
    endpoint!(users::sessions::list),
    endpoint!(users::sessions::end),
    endpoint!(channels::list),
    endpoint!(channels::get),
    endpoint!(channels::put),
    endpoint!(channels::delete),
    endpoint!(roles::list),
    endpoint!(roles::get),
    endpoint!(roles::put),
    endpoint!(roles::delete),
    endpoint!(keys::list),
    endpoint!(keys::create),
    endpoint!(keys::delete),
    endpoint!(operators::list),
    endpoint!(operators::create),
    endpoint!(operators::get),
    endpoint!(operators::update),
    endpoint!(operators::delete),
    endpoint!(rules::simulate),
    endpoint!(rules::access),
    endpoint!(deploy),
    endpoint!(deployments),
    endpoint!(webhooks::list),
    endpoint!(webhooks::create),
    endpoint!(webhooks::get),
    endpoint!(webhooks::put),
    endpoint!(webhooks::delete),
    endpoint!(webhooks::rotate),
    endpoint!(webhooks::test),
    endpoint!(webhooks::deliveries::list),
    endpoint!(webhooks::deliveries::get),
    endpoint!(webhooks::deliveries::replay),
    endpoint!(deadletters::list),
    endpoint!(deadletters::get),
    endpoint!(deadletters::replay),
    endpoint!(deadletters::delete),
    endpoint!(schedules::list),
    endpoint!(schedules::get),
    endpoint!(schedules::put),
    endpoint!(schedules::delete),
    endpoint!(schedules::run),
    endpoint!(schedules::runs),
    endpoint!(functions::list),
    // Before the function of that name.
    endpoint!(functions::deploy),
    endpoint!(functions::get),
    endpoint!(functions::delete),
    endpoint!(functions::rollback),
    endpoint!(functions::versions::list),
    endpoint!(functions::versions::get),
    endpoint!(functions::aliases::get),
    endpoint!(functions::aliases::put),
    endpoint!(functions::aliases::delete),
    endpoint!(secrets::list),
    endpoint!(secrets::put),
    endpoint!(secrets::delete),
    endpoint!(invocations::list),
    endpoint!(invocations::get),
    endpoint!(logs::read),
    endpoint!(usage::read),
    endpoint!(audit),
    endpoint!(outbox),
];
