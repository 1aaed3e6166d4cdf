//! `/v1/admin/deadletters`, and what triggers do to a server that goes and comes.

mod letters;
mod restarts;
