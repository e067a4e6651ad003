-- Backups of a migration's table: what was dumped, and whether its restore gave the same content.

CREATE TABLE pgtide.backup (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    actor text NOT NULL,
    host text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    -- taking: the files are not whole yet. taken: whole, not tried yet. Only passed counts as a backup.
    state text NOT NULL DEFAULT 'taking',
    table_schema text NOT NULL,
    table_name text NOT NULL,
    directory text NOT NULL,
    -- [{name, sha256, bytes}]
    files jsonb NOT NULL DEFAULT '[]',
    server_version int NOT NULL,
    client_version text NOT NULL,
    -- The table's content in the snapshot that was dumped.
    rows bigint,
    hashes text[],
    -- Whether all of the old shape was in that snapshot: nothing had been dropped for good yet.
    old_shape boolean NOT NULL DEFAULT true,
    -- The database it is tried in, written down before it is created: a killed run leaves it behind.
    scratch text NOT NULL,
    scratch_place text NOT NULL,
    restore_seconds double precision,
    error text,
    -- When retention removed the files.
    removed_at timestamptz,
    CONSTRAINT backup_state_known CHECK (state IN ('taking', 'taken', 'passed', 'failed')),
    CONSTRAINT passed_means_restored CHECK (state <> 'passed' OR (
        ended_at IS NOT NULL AND jsonb_array_length(files) > 0 AND rows IS NOT NULL AND hashes IS NOT NULL
        AND restore_seconds IS NOT NULL AND error IS NULL)),
    CONSTRAINT failed_for_a_reason CHECK ((state = 'failed') = (error IS NOT NULL))
);
CREATE INDEX backup_by_migration ON pgtide.backup (migration_id, id);
