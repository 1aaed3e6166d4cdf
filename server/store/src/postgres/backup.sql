-- Copies all tables of the current schema into the schema BACKUP, with what brings them back: BACKUP.restore().
-- Run in one REPEATABLE READ transaction, so that the copies are of one moment.
CREATE SCHEMA BACKUP;

DO $backup$
DECLARE
    t record;
    part record;
BEGIN
    FOR t IN SELECT c.oid, c.relname AS name FROM pg_class c
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
        EXECUTE format('CREATE TABLE BACKUP.%I (LIKE %I INCLUDING ALL EXCLUDING INDEXES)', t.name, t.name);
        EXECUTE format('INSERT INTO BACKUP.%I OVERRIDING SYSTEM VALUE SELECT * FROM %I', t.name, t.name);
        FOR part IN SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
                    WHERE conrelid = t.oid AND contype IN ('p', 'u') LOOP
            EXECUTE format('ALTER TABLE BACKUP.%I ADD CONSTRAINT %I %s', t.name, part.name, part.definition);
        END LOOP;
        FOR part IN SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i WHERE i.indrelid = t.oid
                    AND i.indisvalid AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid) LOOP
            EXECUTE replace(part.definition, format(' ON %I.%I ', current_schema(), t.name),
                            format(' ON BACKUP.%I ', t.name));
        END LOOP;
        FOR part IN SELECT attname AS name, pg_get_serial_sequence(quote_ident(t.name), attname) AS counter
                    FROM pg_attribute WHERE attrelid = t.oid AND attidentity <> '' AND NOT attisdropped LOOP
            PERFORM setval(pg_get_serial_sequence(format('BACKUP.%I', t.name), part.name),
                           coalesce(pg_sequence_last_value(part.counter::regclass), 1),
                           pg_sequence_last_value(part.counter::regclass) IS NOT NULL);
        END LOOP;
    END LOOP;
END
$backup$;

CREATE TABLE BACKUP.backed_up_sequences AS
    SELECT c.relname::text AS name, pg_sequence_last_value(c.oid::regclass) AS last_value FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S'
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i');

CREATE TABLE BACKUP.backed_up_functions AS
    SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'basalt\_%';

CREATE TABLE BACKUP.backed_up_schema AS SELECT current_schema()::text AS name;

-- Puts back what was copied, in place of what is there. All nodes have to be stopped. The schema BACKUP is gone then.
CREATE FUNCTION BACKUP.restore() RETURNS void LANGUAGE plpgsql AS $restore$
DECLARE
    target text := (SELECT name FROM BACKUP.backed_up_schema);
    part record;
BEGIN
    FOR part IN SELECT relname AS name FROM pg_class
                WHERE relnamespace = target::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('DROP TABLE %I.%I CASCADE', target, part.name);
    END LOOP;
    FOR part IN SELECT p.oid::regprocedure::text AS name FROM pg_proc p
                WHERE p.pronamespace = target::regnamespace AND p.proname LIKE 'basalt\_%' LOOP
        EXECUTE format('DROP FUNCTION %s', part.name);
    END LOOP;
    FOR part IN SELECT definition FROM BACKUP.backed_up_functions LOOP
        EXECUTE part.definition;
    END LOOP;
    FOR part IN SELECT name, last_value FROM BACKUP.backed_up_sequences LOOP
        EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I.%I AS bigint', target, part.name);
        PERFORM setval(format('%I.%I', target, part.name)::regclass, coalesce(part.last_value, 1),
                       part.last_value IS NOT NULL);
    END LOOP;
    FOR part IN SELECT relname AS name FROM pg_class
                WHERE relnamespace = 'BACKUP'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'backed\_up\_%' LOOP
        EXECUTE format('ALTER TABLE BACKUP.%I SET SCHEMA %I', part.name, target);
    END LOOP;
    DROP TABLE BACKUP.backed_up_schema, BACKUP.backed_up_functions, BACKUP.backed_up_sequences;
END
$restore$;
