-- Quarantine: rows that the backfill could not fill, for what they hold. Keys are row data: for the owner only.
CREATE TABLE pgtide.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    -- The table that has the row, or the leaf of it.
    table_oid oid NOT NULL,
    -- The row's key; {"ctid": ...} where the table has none.
    key jsonb NOT NULL,
    -- Which version of it failed: where it stood in which file, and who had written it.
    place tid NOT NULL,
    version xid NOT NULL,
    filenode bigint NOT NULL,
    sqlstate text NOT NULL,
    -- Why, without a value of the row.
    reason text NOT NULL,
    tries int NOT NULL DEFAULT 1,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id bigint NOT NULL REFERENCES pgtide.run,
    token bigint NOT NULL,
    -- Null: it is in quarantine. Else it was filled, found in step, or is gone.
    left_at timestamptz,
    left_as text CHECK (left_as IN ('filled', 'in_step', 'gone')),
    CONSTRAINT left_as_something CHECK ((left_at IS NULL) = (left_as IS NULL))
);
-- Keys may be long; their hash fits an index page.
CREATE UNIQUE INDEX held_once ON pgtide.quarantine (migration_id, attempt, table_oid, md5(key::text))
    WHERE left_at IS NULL;
CREATE INDEX held_by_place ON pgtide.quarantine (migration_id, attempt, filenode, place) WHERE left_at IS NULL;

-- The first slices of a walk: the others are not free before these were filled and found right.
ALTER TABLE pgtide.slice ADD COLUMN canary text CHECK (canary IN ('due', 'passed'));
