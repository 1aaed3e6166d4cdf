mod audit;
mod channels;
mod keys;
mod operators;
mod roles;
mod setup;
mod users;
