-- The audit asks for the changes by operators alone: they are few, and it should not read all the others.
CREATE INDEX changes_by_operators ON changes (seq) WHERE actor_type = 'operator';
