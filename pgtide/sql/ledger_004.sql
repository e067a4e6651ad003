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
