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
    actor text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    checksum text NOT NULL,
    verification_id bigint REFERENCES pgtide.verification
);
CREATE INDEX approval_by_migration ON pgtide.approval (migration_id, id);

-- Why nothing can take a step back; empty where its undo_sql does.
ALTER TABLE pgtide.step ADD COLUMN irreversible text NOT NULL DEFAULT '';

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
