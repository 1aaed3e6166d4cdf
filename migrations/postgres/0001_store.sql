CREATE TABLE meta (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO meta (name, value) VALUES ('epoch', '0'), ('trimmed', '0'), ('next_short_id', '1');

CREATE TABLE collections (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    short_id text NOT NULL UNIQUE,
    definition text NOT NULL,
    indexes text NOT NULL,
    key_columns text NOT NULL,
    next_number bigint NOT NULL
);

-- What is left to do in the schema after the epoch has moved: tables, indexes and columns to drop or to make.
CREATE TABLE chores (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    name text NOT NULL,
    of_table text NOT NULL,
    columns text NOT NULL
);

-- Drawn under the lock of basalt_commit alone, so that the order of places is the order of commits.
CREATE SEQUENCE basalt_seq AS bigint;
CREATE SEQUENCE basalt_cell_versions AS bigint;

CREATE TABLE changes (
    seq bigint NOT NULL PRIMARY KEY,
    collection text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    op smallint NOT NULL,
    after_body text,
    before_body text,
    actor_type text NOT NULL,
    actor_id text,
    request_id text NOT NULL,
    at bigint NOT NULL,
    -- Bytes of the log up to and with this row: the size of what is kept is a difference of two of them.
    total_bytes bigint NOT NULL
);

CREATE INDEX changes_by_collection ON changes (collection, seq);

CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    job_key text COLLATE "C",
    order_key text COLLATE "C",
    payload text NOT NULL,
    run_at bigint NOT NULL,
    attempt bigint NOT NULL,
    token bigint NOT NULL,
    lease_until bigint NOT NULL,
    enqueued_at bigint NOT NULL,
    last_error text
);

CREATE UNIQUE INDEX jobs_open_key ON jobs (kind, job_key) WHERE job_key IS NOT NULL;
CREATE INDEX jobs_by_order ON jobs (order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX jobs_by_due ON jobs (kind, run_at, id);

CREATE TABLE cells (
    space text COLLATE "C" NOT NULL,
    cell_key text COLLATE "C" NOT NULL,
    value text NOT NULL,
    expires_at bigint,
    -- Another one after each write. 0: a placeholder, which reads as absent.
    version bigint NOT NULL,
    PRIMARY KEY (space, cell_key)
);

CREATE INDEX cells_by_expiry ON cells (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    body text NOT NULL
);

CREATE INDEX records_by_kind ON records (kind, at);
CREATE INDEX records_by_time ON records (at);

-- Commits a group that was decided on what was read without a lock, if all of that still holds; else writes nothing
-- and says what doesn't. Called in autocommit under READ COMMITTED, so that each statement in here sees what was
-- committed before the lock was had.
--
-- sqls: statements on the tables of collections, made by the server; each takes the arrays of its family and its own
-- number, by which it picks its rows. Families: e = expected documents, u = expected holders of unique keys,
-- d = documents to delete, r = rows that let go of their keys, p = documents to put, g and i = elements of lists that
-- go and come. x = expected cells, w = cells to write (a null value deletes), t = all cells touched, in order.
CREATE FUNCTION basalt_commit(
    p_group text, p_lock boolean, p_epoch bigint, p_group_expires bigint,
    e_sqls text[], e_table int[], e_id text[], e_rev text[],
    u_sqls text[], u_index int[], u_at int[], u_holder text[], u_keys bytea[],
    t_space text[], t_key text[],
    x_space text[], x_key text[], x_version bigint[],
    d_sqls text[], d_table int[], d_id text[],
    r_sqls text[], r_table int[], r_id text[],
    p_sqls text[], p_table int[], p_id text[], p_rev text[], p_created text[], p_updated text[], p_data text[],
    p_at int[], p_keys bytea[],
    g_sqls text[], g_table int[], g_k bytea[], g_id text[],
    i_sqls text[], i_table int[], i_k bytea[], i_id text[],
    w_space text[], w_key text[], w_value text[], w_expires bigint[],
    c_collection text[], c_id text[], c_op int[], c_after text[], c_before text[], c_actor_type text[],
    c_actor_id text[], c_request text[], c_at bigint[], c_bytes bigint[],
    j_kind text[], j_key text[], j_order text[], j_payload text[], j_run_at bigint[], j_enqueued_at bigint[],
    OUT o_outcome text, OUT o_what text, OUT o_first_seq bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_bytes bigint;
    -- Cells that are locked.
    v_locked bigint := 0;
BEGIN
    IF p_lock THEN
        PERFORM pg_advisory_xact_lock(7089051234867429377);
    END IF;
    o_what := '';
    o_first_seq := 0;

    PERFORM 1 FROM meta WHERE name = 'epoch' AND value = p_epoch::text;
    IF NOT FOUND THEN
        o_outcome := 'epoch';
        RETURN;
    END IF;

    <<checked>>
    BEGIN
        -- Cells are locked row by row, in one order, before anything is checked: commits of cells alone go without the
        -- lock above. An absent one is locked by a placeholder. A row that was there for the INSERT may be gone before
        -- it is locked (swept, or deleted by another commit): only rows that are locked can't go any more.
        FOR n IN 1 .. 3 LOOP
            EXIT WHEN v_locked = cardinality(t_key);
            INSERT INTO cells (space, cell_key, value, expires_at, version)
                SELECT t.space, t.k, 'null', 0, 0 FROM unnest(t_space, t_key) WITH ORDINALITY AS t (space, k, n)
                    ORDER BY t.n
                ON CONFLICT (space, cell_key) DO NOTHING;
            SELECT count(*) INTO v_locked FROM (
                SELECT 1 FROM unnest(t_space, t_key) AS t (space, k)
                    JOIN cells c ON c.space = t.space AND c.cell_key = t.k
                    ORDER BY c.space, c.cell_key FOR UPDATE OF c
            ) locked;
        END LOOP;
        IF v_locked < cardinality(t_key) THEN
            o_outcome := 'conflict';
            o_what := 'cells that come and go';
            EXIT checked;
        END IF;
        IF cardinality(x_key) > 0 THEN
            SELECT x.space || '/' || x.k INTO o_what FROM unnest(x_space, x_key, x_version) AS x (space, k, version)
                LEFT JOIN cells c ON c.space = x.space AND c.cell_key = x.k
                WHERE coalesce(c.version, 0) <> x.version LIMIT 1;
            IF FOUND THEN
                o_outcome := 'conflict';
                EXIT checked;
            END IF;
        END IF;
        FOR n IN 1 .. cardinality(e_sqls) LOOP
            EXECUTE e_sqls[n] INTO o_what USING e_table, e_id, e_rev, n;
            IF o_what IS NOT NULL THEN
                o_outcome := 'conflict';
                EXIT checked;
            END IF;
        END LOOP;
        FOR n IN 1 .. cardinality(u_sqls) LOOP
            EXECUTE u_sqls[n] INTO o_what USING u_index, u_at, u_holder, u_keys, n;
            IF o_what IS NOT NULL THEN
                o_outcome := 'conflict';
                EXIT checked;
            END IF;
        END LOOP;
    END;
    IF o_outcome = 'conflict' THEN
        -- Placeholders go with what they were for. One that another holds is his to remove.
        IF v_locked > 0 THEN
            DELETE FROM cells WHERE (space, cell_key) IN (
                SELECT c.space, c.cell_key FROM unnest(t_space, t_key) AS t (space, k)
                    JOIN cells c ON c.space = t.space AND c.cell_key = t.k
                    WHERE c.version = 0 FOR UPDATE OF c SKIP LOCKED
            );
        END IF;
        RETURN;
    END IF;

    FOR n IN 1 .. cardinality(d_sqls) LOOP
        EXECUTE d_sqls[n] USING d_table, d_id, n;
    END LOOP;
    FOR n IN 1 .. cardinality(r_sqls) LOOP
        EXECUTE r_sqls[n] USING r_table, r_id, n;
    END LOOP;
    FOR n IN 1 .. cardinality(p_sqls) LOOP
        EXECUTE p_sqls[n] USING p_table, p_id, p_rev, p_created, p_updated, p_data, p_at, p_keys, n;
    END LOOP;
    FOR n IN 1 .. cardinality(g_sqls) LOOP
        EXECUTE g_sqls[n] USING g_table, g_k, g_id, n;
    END LOOP;
    FOR n IN 1 .. cardinality(i_sqls) LOOP
        EXECUTE i_sqls[n] USING i_table, i_k, i_id, n;
    END LOOP;

    IF cardinality(w_key) > 0 THEN
        UPDATE cells c SET value = w.value, expires_at = w.expires, version = nextval('basalt_cell_versions')
            FROM unnest(w_space, w_key, w_value, w_expires) AS w (space, k, value, expires)
            WHERE c.space = w.space AND c.cell_key = w.k AND w.value IS NOT NULL;
        DELETE FROM cells c USING unnest(w_space, w_key, w_value) AS w (space, k, value)
            WHERE c.space = w.space AND c.cell_key = w.k AND w.value IS NULL;
    END IF;

    IF cardinality(c_id) > 0 THEN
        o_first_seq := nextval('basalt_seq');
        PERFORM setval('basalt_seq', o_first_seq + cardinality(c_id) - 1);
        SELECT total_bytes INTO v_bytes FROM changes ORDER BY seq DESC LIMIT 1;
        INSERT INTO changes (seq, collection, id, op, after_body, before_body, actor_type, actor_id, request_id, at,
                             total_bytes)
            SELECT o_first_seq + c.n - 1, c.collection, c.id, c.op, c.after_body, c.before_body, c.actor_type,
                   c.actor_id, c.request_id, c.at, coalesce(v_bytes, 0) + c.bytes
            FROM unnest(c_collection, c_id, c_op, c_after, c_before, c_actor_type, c_actor_id, c_request, c_at, c_bytes)
                WITH ORDINALITY AS c (collection, id, op, after_body, before_body, actor_type, actor_id, request_id, at,
                                      bytes, n);
        PERFORM pg_notify('basalt_changes', (o_first_seq + cardinality(c_id) - 1)::text);
    END IF;

    IF cardinality(j_kind) > 0 THEN
        INSERT INTO jobs (kind, job_key, order_key, payload, run_at, attempt, token, lease_until, enqueued_at)
            SELECT j.kind, j.key, j.order_key, j.payload, j.run_at, 0, 0, 0, j.enqueued_at
            FROM unnest(j_kind, j_key, j_order, j_payload, j_run_at, j_enqueued_at)
                WITH ORDINALITY AS j (kind, key, order_key, payload, run_at, enqueued_at, n)
            ORDER BY j.n
            ON CONFLICT DO NOTHING;
    END IF;

    -- Tells a server that lost its connection before the answer what became of the group. Fails where that server has
    -- given the group up and put its own there.
    IF p_group <> '' THEN
        INSERT INTO cells (space, cell_key, value, expires_at, version)
            VALUES ('_group', p_group, o_first_seq::text, p_group_expires, nextval('basalt_cell_versions'));
    END IF;
    o_outcome := 'committed';
    o_what := '';
END
$$;
