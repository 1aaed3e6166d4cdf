-- What the span of local time is called that a stored time falls into: basalt_core::bucket in PostgreSQL's words. The
-- offsets come with the query, from the server's own tables of time zones: `offsets[1]` before the first of `changes`
-- (seconds since the epoch), `offsets[n + 1]` from the n-th on. NULL for a text that isn't a stored time.
CREATE FUNCTION basalt_bucket(stored text, unit text, changes bigint[], offsets integer[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    -- 400 years, after which the calendar and the rules of zones repeat.
    period CONSTANT bigint := 12622780800;
    -- 2500-01-01, to which `changes` reach.
    changes_end CONSTANT bigint := 16725225600;
    local timestamp;
    seconds bigint;
    year integer;
    month integer;
BEGIN
    IF stored !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{3}Z$' THEN
        RETURN NULL;
    END IF;
    -- PostgreSQL has no year 0: everything is counted a period later.
    local := make_timestamp(substr(stored, 1, 4)::integer + 400, substr(stored, 6, 2)::integer, 1,
        substr(stored, 12, 2)::integer, substr(stored, 15, 2)::integer, substr(stored, 18, 2)::integer);
    month := extract(month FROM local);
    local := local + make_interval(days => substr(stored, 9, 2)::integer - 1);
    IF extract(month FROM local) <> month THEN
        RETURN NULL;
    END IF;
    seconds := extract(epoch FROM local)::bigint - period;
    IF seconds >= changes_end THEN
        seconds := changes_end - period + (seconds - changes_end) % period;
    END IF;
    local := local + make_interval(secs => offsets[width_bucket(seconds, changes) + 1]);
    year := extract(year FROM local)::integer - 400;
    IF unit = 'week' THEN
        year := extract(isoyear FROM local)::integer - 400;
    END IF;
    IF extract(year FROM local) NOT BETWEEN 400 AND 10399 OR year NOT BETWEEN 0 AND 9999 THEN
        RETURN NULL;
    END IF;
    RETURN lpad(year::text, 4, '0') || CASE unit
        WHEN 'minute' THEN to_char(local, '-MM-DD"T"HH24:MI')
        WHEN 'hour' THEN to_char(local, '-MM-DD"T"HH24":00"')
        WHEN 'day' THEN to_char(local, '-MM-DD')
        WHEN 'week' THEN to_char(local, '"-W"IW')
        WHEN 'month' THEN to_char(local, '-MM')
        WHEN 'quarter' THEN to_char(local, '"-Q"Q')
        ELSE ''
    END;
END
$$;

-- How far a point is from another: the square of the chord between them, in the units of basalt_core::geo. `key` is the
-- key of a geo index, which holds the point's place on the sphere; in one expression, so that it is inlined.
CREATE FUNCTION basalt_chord(key bytea, x bigint, y bigint, z bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (get_byte(key, 9) * 16777216::bigint + get_byte(key, 10) * 65536 + get_byte(key, 11) * 256 + get_byte(key, 12) - 1073741824 - x)
        * (get_byte(key, 9) * 16777216::bigint + get_byte(key, 10) * 65536 + get_byte(key, 11) * 256 + get_byte(key, 12) - 1073741824 - x)
        + (get_byte(key, 13) * 16777216::bigint + get_byte(key, 14) * 65536 + get_byte(key, 15) * 256 + get_byte(key, 16) - 1073741824 - y)
        * (get_byte(key, 13) * 16777216::bigint + get_byte(key, 14) * 65536 + get_byte(key, 15) * 256 + get_byte(key, 16) - 1073741824 - y)
        + (get_byte(key, 17) * 16777216::bigint + get_byte(key, 18) * 65536 + get_byte(key, 19) * 256 + get_byte(key, 20) - 1073741824 - z)
        * (get_byte(key, 17) * 16777216::bigint + get_byte(key, 18) * 65536 + get_byte(key, 19) * 256 + get_byte(key, 20) - 1073741824 - z)
$$;
