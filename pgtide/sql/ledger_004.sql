-- The backfill: several workers, in several processes, share its slices.

-- A pair of hands at work on a run's slices. Its heartbeat, by this database's clock, is the lease on the slices that
-- it has claimed: a silent worker's come back to the others.
CREATE TABLE pgtide.worker (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES pgtide.run,
    host text NOT NULL,
    pid int NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);

-- Who works on a slice; null: nobody does. How far of each page every pass goes, in 256ths.
ALTER TABLE pgtide.slice ADD COLUMN worker_id bigint REFERENCES pgtide.worker;
ALTER TABLE pgtide.slice ADD COLUMN schedule int[];
UPDATE pgtide.slice s SET schedule = (SELECT array_agg(256 * n / s.passes ORDER BY n) FROM generate_series(1, s.passes) n);
ALTER TABLE pgtide.slice ALTER schedule SET NOT NULL, DROP COLUMN passes,
    ADD CONSTRAINT last_pass_takes_all CHECK (schedule[cardinality(schedule)] = 256);

-- How many of a slice's rows stayed on their page (HOT), as the server counts them.
ALTER TABLE pgtide.slice ADD COLUMN hot bigint NOT NULL DEFAULT 0;

-- The live rate: what an operator set with `pgtide throttle`; null is what the settings and the migration say.
ALTER TABLE pgtide.control
    ADD COLUMN duty double precision CHECK (duty BETWEEN 0.05 AND 1),
    ADD COLUMN batch_ms double precision CHECK (batch_ms > 0),
    ADD COLUMN rate_by text,
    ADD COLUMN rate_at timestamptz;

-- Who paused a migration: a window's pause ends with its next opening, an operator's with `pgtide resume` alone.
ALTER TABLE pgtide.migration ADD COLUMN paused_by text CHECK (paused_by IN ('operator', 'window'));
UPDATE pgtide.migration SET paused_by = 'operator' WHERE state = 'paused';
ALTER TABLE pgtide.migration
    ADD CONSTRAINT paused_by_somebody CHECK ((state = 'paused') = (paused_by IS NOT NULL));
-- Throttle: what holds the backfill back by itself at this moment, and for how long it has, signal by signal.
CREATE TABLE pgtide.throttle (
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    signal text NOT NULL,
    -- Null: it does not hold now.
    held_since timestamptz,
    -- When a process last said that it holds.
    seen_at timestamptz,
    reason text,
    value double precision,
    "limit" double precision,
    -- In all, and how often.
    seconds double precision NOT NULL DEFAULT 0,
    holds int NOT NULL DEFAULT 0,
    -- What a growth is counted from.
    base double precision,
    PRIMARY KEY (migration_id, attempt, signal),
    CONSTRAINT holds_for_a_reason CHECK (held_since IS NULL OR (reason IS NOT NULL AND seen_at IS NOT NULL))
);
