mod access;
mod definitions;
mod fields;
mod limits;
mod lookups;
mod matrix;
mod simulate;
