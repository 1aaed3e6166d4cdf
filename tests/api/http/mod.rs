mod cors;
mod headers;
mod health;
mod limits;
mod openapi;
mod problems;
