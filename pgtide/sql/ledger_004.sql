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
CREATE INDEX worker_by_run ON pgtide.worker (run_id) WHERE ended_at IS NULL;

-- Who works on a slice; null: nobody does. How far of each page every pass goes, in 256ths.
ALTER TABLE pgtide.slice ADD COLUMN worker_id bigint REFERENCES pgtide.worker;
ALTER TABLE pgtide.slice ADD COLUMN schedule int[];
UPDATE pgtide.slice s SET schedule = (SELECT array_agg(256 * n / s.passes ORDER BY n) FROM generate_series(1, s.passes) n);
ALTER TABLE pgtide.slice ALTER schedule SET NOT NULL, DROP COLUMN passes,
    ADD CONSTRAINT last_pass_takes_all CHECK (schedule[cardinality(schedule)] = 256);

-- How many of a slice's rows stayed on their page (HOT), as the server counts them.
ALTER TABLE pgtide.slice ADD COLUMN hot bigint NOT NULL DEFAULT 0;
