-- Of an order only the oldest open job may be claimed. The others wait, out of the index that claims look into, and the
-- end of each lets the next one through: so a claim costs the same however many wait.
ALTER TABLE jobs ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;

UPDATE jobs SET waits = 1 WHERE order_key IS NOT NULL
    AND EXISTS (SELECT 1 FROM jobs o WHERE o.order_key = jobs.order_key AND o.id < jobs.id);

DROP INDEX jobs_by_due;
CREATE INDEX jobs_open ON jobs (kind, run_at, id) WHERE waits = 0;

CREATE TRIGGER jobs_wait AFTER INSERT ON jobs
WHEN NEW.order_key IS NOT NULL AND EXISTS (SELECT 1 FROM jobs WHERE order_key = NEW.order_key AND id < NEW.id)
BEGIN
    UPDATE jobs SET waits = 1 WHERE id = NEW.id;
END;

CREATE TRIGGER jobs_promote AFTER DELETE ON jobs
WHEN OLD.order_key IS NOT NULL AND OLD.waits = 0
BEGIN
    UPDATE jobs SET waits = 0
        WHERE id = (SELECT id FROM jobs WHERE order_key = OLD.order_key ORDER BY id LIMIT 1);
END;
