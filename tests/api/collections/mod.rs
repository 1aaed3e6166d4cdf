mod apps;
mod definitions;
mod indexes;
