mod isolation;
mod operations;
mod refusals;
