-- What nodes tell each other of channels: gone after seconds, and with a crash.
CREATE UNLOGGED TABLE signals (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body text NOT NULL
);

-- One node after the other, so that whoever sees a number has seen all before it.
CREATE FUNCTION basalt_signal(i_node text, i_body text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    o_seq bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7089051234867429380);
    INSERT INTO signals (node, body) VALUES (i_node, i_body) RETURNING seq INTO o_seq;
    PERFORM pg_notify('basalt_signals', '');
    RETURN o_seq;
END
$$;
