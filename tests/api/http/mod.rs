mod cors;
mod health;
mod headers;
mod limits;
mod openapi;
mod problems;
