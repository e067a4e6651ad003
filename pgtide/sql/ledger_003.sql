-- The later release: backup before expand, approvals, contract and purge.

ALTER TABLE pgtide.migration DROP CONSTRAINT state_known;
ALTER TABLE pgtide.migration ADD CONSTRAINT state_known CHECK (state IN (
    'planned', 'backing_up', 'backed_up', 'expanding', 'expanded', 'backfilling', 'backfilled', 'finalizing',
    'finalized', 'verifying', 'verified', 'contracting', 'contracted', 'purging', 'completed', 'paused', 'failed',
    'rolling_back', 'rolled_back', 'rollback_failed'));

DROP INDEX pgtide.one_unfinished_migration;
CREATE UNIQUE INDEX one_unfinished_migration ON pgtide.migration (table_oid)
    WHERE state NOT IN ('planned', 'rolled_back', 'completed');

-- What a person decided, and on what: the newest decision on a gate counts, as long as it is about this declaration
-- and this verification.
CREATE TABLE pgtide.approval (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    gate text NOT NULL CHECK (gate IN ('dual_write_deployed', 'contract', 'reads_switched')),
    approved boolean NOT NULL,
    -- In whose name, then who really typed it: the environment's name, the account on its host, the database's role.
    actor text NOT NULL,
    typed_by text NOT NULL,
    account text NOT NULL,
    role name NOT NULL DEFAULT session_user,
    reason text NOT NULL CHECK (reason <> ''),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    checksum text NOT NULL,
    verification_id bigint REFERENCES pgtide.verification,
    -- How many writes the triggers had had to mend by then.
    mended bigint,
    CONSTRAINT approved_on_a_verification CHECK (
        NOT approved OR gate = 'dual_write_deployed' OR verification_id IS NOT NULL)
);
CREATE INDEX approval_by_migration ON pgtide.approval (migration_id, id);

-- Who started which attempt: whoever did may not approve it where four eyes are asked for.
ALTER TABLE pgtide.run ADD COLUMN attempt int NOT NULL DEFAULT 1;
UPDATE pgtide.run r SET attempt = m.attempt FROM pgtide.migration m WHERE m.id = r.migration_id;

-- The undo statements as safe_rollback_migration can run them: it is one transaction.
ALTER TABLE pgtide.step ADD COLUMN undo_inside text;
-- Until now the only step that no transaction can undo was an index.
UPDATE pgtide.step SET undo_inside = replace(undo_sql, '"DROP INDEX CONCURRENTLY ', '"DROP INDEX ');
ALTER TABLE pgtide.step ALTER undo_inside SET NOT NULL;

-- What is written while safe_rollback_migration archives: whole rows as text, before and after. Holds row data: for the
-- owner only. No key to the migration: a write of the application's must not touch its row.
CREATE TABLE pgtide.archive_late (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL,
    gone boolean NOT NULL,
    content text NOT NULL
);
-- Why nothing can take a step back; empty where its undo_sql does.
ALTER TABLE pgtide.step ADD COLUMN irreversible text NOT NULL DEFAULT '';

-- What hung on the columns when contract had swapped their names, by name its definition: undo compares it with what
-- hangs there then.
ALTER TABLE pgtide.step ADD COLUMN hanging jsonb;

-- How many writes had contradicted themselves before the first row was read: whatever is counted since was left out of
-- step. Of a verdict from before this column nothing is known: all that was ever counted is held against it.
ALTER TABLE pgtide.verification ADD COLUMN conflicts bigint NOT NULL DEFAULT 0;

-- What declared queries took before and after, and by which plan (JSON, as the server explains it).
CREATE TABLE pgtide.performance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    ordinal int NOT NULL,
    moment text NOT NULL CHECK (moment IN ('before_expand', 'after_finalize', 'before_contract', 'after_contract')),
    query text NOT NULL,
    max_ms double precision,
    -- Null where the query did not end in time.
    median_ms double precision,
    scans int NOT NULL,
    blocks bigint NOT NULL,
    plan text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX performance_by_migration ON pgtide.performance (migration_id, attempt, moment, ordinal, id);
