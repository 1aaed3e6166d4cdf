//! Triggers: changes of the log become events, each delivered at least once to each of its targets.
