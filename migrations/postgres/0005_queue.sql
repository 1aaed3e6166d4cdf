-- Of an order only the oldest open job may be claimed. The others wait, out of the index that claims look into, and the
-- end of each lets the next one through: so a claim costs the same however many wait. Triggers do it, so that servers of
-- the version before, which know nothing of it, do it as well while both run.
ALTER TABLE jobs ADD COLUMN waits smallint NOT NULL DEFAULT 0;

UPDATE jobs SET waits = 1 WHERE order_key IS NOT NULL
    AND EXISTS (SELECT 1 FROM jobs o WHERE o.order_key = jobs.order_key AND o.id < jobs.id);

DROP INDEX jobs_by_due;
CREATE INDEX jobs_open ON jobs (kind, run_at, id) WHERE waits = 0;

-- Who adds to an order and who ends its head take turns: else neither would see the other, and what was added would
-- wait for ever. The lock is had before the statement that looks, which thus sees what was committed by then.
CREATE FUNCTION basalt_job_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7089051234867429381);
    IF EXISTS (SELECT 1 FROM jobs WHERE order_key = NEW.order_key) THEN
        NEW.waits := 1;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION basalt_job_promotes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7089051234867429381);
    UPDATE jobs SET waits = 0
        WHERE id = (SELECT id FROM jobs WHERE order_key = OLD.order_key ORDER BY id LIMIT 1) AND waits = 1;
    RETURN NULL;
END
$$;

-- A hint for the other nodes.
CREATE FUNCTION basalt_jobs_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('basalt_jobs', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER jobs_wait BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.order_key IS NOT NULL)
    EXECUTE FUNCTION basalt_job_waits();
CREATE TRIGGER jobs_promote AFTER DELETE ON jobs FOR EACH ROW WHEN (OLD.order_key IS NOT NULL AND OLD.waits = 0)
    EXECUTE FUNCTION basalt_job_promotes();
CREATE TRIGGER jobs_told AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION basalt_jobs_told();
