CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('epoch', '0'), ('trimmed', '0'), ('next_short_id', '1');

CREATE TABLE collections (
    name TEXT NOT NULL PRIMARY KEY,
    short_id TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    indexes TEXT NOT NULL,
    key_columns TEXT NOT NULL,
    next_number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is left to do in the schema after the epoch has moved: tables, indexes and columns to drop or to make.
CREATE TABLE chores (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    of_table TEXT NOT NULL,
    columns TEXT NOT NULL
) STRICT;

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    op INTEGER NOT NULL,
    after_body TEXT,
    before_body TEXT,
    actor_type TEXT NOT NULL,
    actor_id TEXT,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- Bytes of the log up to and with this row: the size of what is kept is a difference of two of them.
    total_bytes INTEGER NOT NULL
) STRICT;

CREATE INDEX changes_by_collection ON changes (collection, seq);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    job_key TEXT,
    order_key TEXT,
    payload TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    token INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    last_error TEXT
) STRICT;

CREATE UNIQUE INDEX jobs_open_key ON jobs (kind, job_key) WHERE job_key IS NOT NULL;
CREATE INDEX jobs_by_order ON jobs (order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX jobs_by_due ON jobs (kind, run_at, id);

CREATE TABLE cells (
    space TEXT NOT NULL,
    cell_key TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (space, cell_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX cells_by_expiry ON cells (expires_at) WHERE expires_at IS NOT NULL;
