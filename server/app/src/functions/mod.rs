//! Functions: versions and aliases of them, and their calls.
