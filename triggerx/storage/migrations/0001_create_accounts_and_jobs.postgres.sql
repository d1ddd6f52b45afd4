-- Exact sums of decimal text; SQLite gets the same function from the driver.
CREATE FUNCTION add_decimal(first TEXT, second TEXT) RETURNS TEXT
    LANGUAGE sql IMMUTABLE STRICT
    AS $$ SELECT CAST(CAST(first AS NUMERIC) + CAST(second AS NUMERIC) AS TEXT) $$;
