-- Bytes of a list that was given as JSON; SQLite gets the same function from the driver.
CREATE FUNCTION from_hex(digits TEXT) RETURNS BYTEA
    LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT decode(digits, 'hex') $$;
