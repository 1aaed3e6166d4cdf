mod audit;
mod keys;
mod operators;
mod setup;
mod users;
