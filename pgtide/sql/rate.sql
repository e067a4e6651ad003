-- rate --
-- What an operator set the rate to; a ledger of an older pgtide has no such thing.
SELECT (to_jsonb(c) ->> 'duty')::float8 AS duty, (to_jsonb(c) ->> 'batch_ms')::float8 AS batch_ms,
       to_jsonb(c) ->> 'rate_by' AS by, (to_jsonb(c) ->> 'rate_at')::timestamptz AS at
  FROM pgtide.control c WHERE c.migration_id = %(id)s

-- set_rate --
-- Set the rate of a migration, or, with nulls, give it back to its settings; a hold stays as it is.
INSERT INTO pgtide.control (migration_id, duty, batch_ms, rate_by, rate_at)
VALUES (%(id)s, %(duty)s, %(batch_ms)s, %(by)s, clock_timestamp())
ON CONFLICT (migration_id) DO UPDATE
   SET duty = excluded.duty, batch_ms = excluded.batch_ms, rate_by = excluded.rate_by, rate_at = excluded.rate_at
