-- The ledger: the memory of every migration, in the database that it changes. The one truth.

CREATE TABLE pgtide.migration (
    id text PRIMARY KEY,
    version text NOT NULL UNIQUE,
    description text NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    table_oid oid NOT NULL,
    state text NOT NULL DEFAULT 'planned',
    -- The state that a paused or failed migration remembers and goes on from.
    resume_to text,
    -- Verification was withdrawn: sweep before anything else.
    sweep_due boolean NOT NULL DEFAULT false,
    spec jsonb NOT NULL,
    checksum text NOT NULL,
    plan text NOT NULL,
    contract_release text NOT NULL,
    fingerprint text,
    rows_total bigint NOT NULL DEFAULT 0,
    waiting_for text,
    last_error text,
    -- The fencing token of the newest run: whoever holds an older one may not write.
    token bigint NOT NULL DEFAULT 0,
    -- Counts the passages from planned on, undone ones included.
    attempt int NOT NULL DEFAULT 1,
    log_id bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT state_known CHECK (state IN (
        'planned', 'expanding', 'expanded', 'backfilling', 'backfilled', 'finalizing', 'finalized',
        'verifying', 'verified', 'paused', 'failed', 'rolling_back', 'rolled_back', 'rollback_failed')),
    CONSTRAINT remembers_where_it_was CHECK ((state IN ('paused', 'failed')) = (resume_to IS NOT NULL))
);

-- One unfinished migration per table.
CREATE UNIQUE INDEX one_unfinished_migration ON pgtide.migration (table_oid)
    WHERE state NOT IN ('planned', 'rolled_back');

CREATE TABLE pgtide.run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    token bigint NOT NULL,
    actor text NOT NULL,
    host text NOT NULL,
    pid int NOT NULL,
    flow_run_id text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    outcome text,
    CONSTRAINT one_run_per_token UNIQUE (migration_id, token),
    CONSTRAINT ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- The server processes of a run, so that a newer one can end them: pid and start, since pids are used again.
CREATE TABLE pgtide.backend (
    run_id bigint NOT NULL REFERENCES pgtide.run,
    pid int NOT NULL,
    started timestamptz NOT NULL,
    purpose text NOT NULL,
    PRIMARY KEY (run_id, pid, started)
);

CREATE TABLE pgtide.phase (
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    phase text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'failed', 'paused')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    rows bigint,
    PRIMARY KEY (migration_id, attempt, phase)
);

CREATE TABLE pgtide.step (
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    ordinal int NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'undone')),
    sql text NOT NULL,
    -- The undo statements as a JSON list, in the order to run them in.
    undo_sql text NOT NULL,
    transactional boolean NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    lock_tries int NOT NULL DEFAULT 0,
    seconds double precision,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (migration_id, attempt, name)
);

-- A range of heap blocks: the unit of the backfill that is claimed. A batch moves its cursor, in the transaction
-- that writes the rows; the token fences a run that has been taken over.
CREATE TABLE pgtide.slice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    kind text NOT NULL CHECK (kind IN ('walk', 'sweep', 'archive')),
    round int NOT NULL DEFAULT 0,
    ordinal int NOT NULL,
    filenode bigint NOT NULL,
    first_block bigint NOT NULL,
    -- Exclusive; null is open-ended: the table may still grow behind it.
    end_block bigint,
    passes int NOT NULL CHECK (passes > 0),
    pass int NOT NULL DEFAULT 0,
    cursor bigint NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'void')),
    token bigint NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT cursor_inside CHECK (cursor >= first_block),
    CONSTRAINT one_place UNIQUE (migration_id, attempt, kind, round, ordinal, filenode)
) WITH (fillfactor = 50);

CREATE TABLE pgtide.verification (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id text NOT NULL REFERENCES pgtide.migration,
    run_id bigint REFERENCES pgtide.run,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    level text NOT NULL,
    rows bigint NOT NULL,
    mismatches bigint NOT NULL,
    passed boolean NOT NULL,
    problems jsonb NOT NULL,
    checksum text NOT NULL,
    fingerprint text NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT passed_means_clean CHECK (NOT passed OR (mismatches = 0 AND problems = '[]'))
);

-- What an operator wants: read by the running batch loop.
CREATE TABLE pgtide.control (
    migration_id text PRIMARY KEY REFERENCES pgtide.migration,
    hold boolean NOT NULL DEFAULT false,
    reason text,
    by text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Values that the old shape cannot hold, kept when a migration is undone. Holds row data: for the owner only.
CREATE TABLE pgtide.archive (
    migration_id text NOT NULL REFERENCES pgtide.migration,
    attempt int NOT NULL,
    key jsonb NOT NULL,
    "values" jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Keys may be long; their hash fits an index page.
CREATE UNIQUE INDEX archived_once ON pgtide.archive (migration_id, attempt, md5(key::text));

-- The audit. Append only.
CREATE TABLE pgtide.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    migration_id text,
    run_id bigint,
    actor text NOT NULL,
    kind text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_by_migration ON pgtide.event (migration_id, id);

CREATE FUNCTION pgtide.refuse_rewriting_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pgtide.event is append only: % is refused', tg_op
        USING HINT = 'Write a new event that corrects the old one.';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pgtide.event
    FOR EACH STATEMENT EXECUTE FUNCTION pgtide.refuse_rewriting_history();
ALTER TABLE pgtide.event ENABLE ALWAYS TRIGGER append_only;
