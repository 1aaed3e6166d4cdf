mod audit;
mod keys;
mod operators;
mod roles;
mod setup;
mod users;
