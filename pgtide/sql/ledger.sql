-- there --
-- Whether a ledger was ever installed here.
SELECT to_regclass('pgtide.upgrade') IS NOT NULL

-- applied --
-- Which numbered upgrades the ledger has.
SELECT number FROM pgtide.upgrade ORDER BY number

-- record_upgrade --
-- Note an applied upgrade.
INSERT INTO pgtide.upgrade (number) VALUES (%(number)s)

-- undo_mark --
-- Which text safe_rollback_migration was made of.
SELECT obj_description(to_regprocedure('pgtide.undo(text)'), 'pg_proc')

-- migrations --
-- Every migration, in the order of ids.
SELECT m.*, m.spec::text AS spec_text FROM pgtide.migration m ORDER BY m.id

-- migration --
-- One migration.
SELECT m.*, m.spec::text AS spec_text FROM pgtide.migration m WHERE m.id = %(id)s

-- unfinished_on_table --
-- The migration that has begun on a table and is neither undone nor completed.
SELECT id, state FROM pgtide.migration
 WHERE table_oid = %(oid)s AND state NOT IN ('planned', 'rolled_back', 'completed') AND id <> %(id)s

-- same_version --
-- Another migration of the same version.
SELECT id FROM pgtide.migration WHERE version = %(version)s AND id <> %(id)s

-- register --
-- Write a migration down, or write it anew where nothing of it is on the table.
INSERT INTO pgtide.migration (id, version, description, table_schema, table_name, table_oid, spec, checksum, plan,
                              contract_release)
VALUES (%(id)s, %(version)s, %(description)s, %(schema)s, %(table)s, %(oid)s, %(spec)s::jsonb, %(checksum)s, %(plan)s,
        %(contract_release)s)
ON CONFLICT (id) DO UPDATE
   SET version = excluded.version, description = excluded.description, table_schema = excluded.table_schema,
       table_name = excluded.table_name, table_oid = excluded.table_oid, spec = excluded.spec,
       checksum = excluded.checksum, plan = excluded.plan, contract_release = excluded.contract_release,
       attempt = migration.attempt + (migration.state = 'rolled_back')::int, state = 'planned',
       fingerprint = NULL, rows_total = 0, last_error = NULL, waiting_for = NULL, sweep_due = false, log_id = NULL,
       updated_at = clock_timestamp()
 WHERE migration.state IN ('planned', 'rolled_back')

-- raise_token --
-- Take over a migration: whoever holds an older token may not write any more.
UPDATE pgtide.migration SET token = token + 1, updated_at = clock_timestamp() WHERE id = %(id)s
RETURNING token, attempt

-- raise_slice_tokens --
-- Copy the new token into the slices: a batch that carries the old one finds no row. Waits for a batch in flight.
UPDATE pgtide.slice SET token = %(token)s, worker_id = NULL WHERE migration_id = %(id)s AND state = 'open'

-- begin_run --
-- Write down who works from now on.
INSERT INTO pgtide.run (migration_id, attempt, token, actor, host, pid, flow_run_id)
VALUES (%(id)s, %(attempt)s, %(token)s, %(actor)s, %(host)s, %(pid)s, %(flow_run_id)s) RETURNING id

-- live_runs --
-- Runs of a migration that have not ended, with the age of their heartbeat by the database's clock.
SELECT r.id, r.actor, r.host, r.pid, r.started_at,
       extract(epoch FROM clock_timestamp() - r.heartbeat_at)::float8 AS silent_seconds, r.migration_id
  FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id
 WHERE m.table_oid = %(oid)s AND r.ended_at IS NULL ORDER BY r.id DESC

-- backends_of --
-- The server processes of a run.
SELECT pid, started FROM pgtide.backend
 WHERE run_id = %(run)s AND (%(purpose)s::text IS NULL OR purpose = %(purpose)s)

-- record_backend --
-- Write down a server process of a run.
INSERT INTO pgtide.backend (run_id, pid, started, purpose) VALUES (%(run)s, %(pid)s, %(started)s, %(purpose)s)
ON CONFLICT DO NOTHING

-- beat --
-- Say that the run and its workers in this process live, while it is the newest; read what the operator wants, and the time.
WITH workers AS (
    UPDATE pgtide.worker SET heartbeat_at = clock_timestamp()
     WHERE id = ANY (%(workers)s::bigint[]) AND ended_at IS NULL
)
UPDATE pgtide.run r SET heartbeat_at = clock_timestamp()
  FROM pgtide.migration m LEFT JOIN pgtide.control c ON c.migration_id = m.id
 WHERE r.id = %(run)s AND m.id = r.migration_id AND m.token = r.token AND r.ended_at IS NULL
RETURNING coalesce(c.hold, false) AS hold, c.reason, c.by, c.duty, c.batch_ms, clock_timestamp() AS now

-- beat_beside --
-- Say that the workers of a process that has joined a run live; no row where that run is over.
WITH workers AS (
    UPDATE pgtide.worker SET heartbeat_at = clock_timestamp()
     WHERE id = ANY (%(workers)s::bigint[]) AND ended_at IS NULL
)
SELECT coalesce(c.hold, false) AS hold, c.reason, c.by, c.duty, c.batch_ms, clock_timestamp() AS now
  FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id
  LEFT JOIN pgtide.control c ON c.migration_id = m.id
 WHERE r.id = %(run)s AND m.token = r.token AND r.ended_at IS NULL

-- flow_run_beats --
-- Whether the run of a flow run is at work, by the database's clock.
SELECT EXISTS (SELECT FROM pgtide.run
                WHERE flow_run_id = %(flow_run)s AND ended_at IS NULL
                  AND heartbeat_at > clock_timestamp() - make_interval(secs => %(lease)s))

-- newest_outcome --
-- How the newest run of a migration ended; no row where none was ever begun.
SELECT outcome FROM pgtide.run WHERE migration_id = %(id)s ORDER BY id DESC LIMIT 1

-- lives --
-- Whether a run is the newest of its migration.
SELECT 1 AS yes FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id
 WHERE r.id = %(run)s AND m.token = r.token AND r.ended_at IS NULL

-- run_to_join --
-- The run that is at work on a migration, and lives by the database's clock.
SELECT r.id, r.token, r.attempt FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id
 WHERE m.id = %(id)s AND m.token = r.token AND r.ended_at IS NULL
   AND r.heartbeat_at > clock_timestamp() - make_interval(secs => %(lease)s)

-- begin_worker --
-- Write a worker down.
INSERT INTO pgtide.worker (run_id, host, pid) VALUES (%(run)s, %(host)s, %(pid)s) RETURNING id

-- end_worker --
-- A worker goes: what it has not done is for the others.
WITH given_back AS (
    UPDATE pgtide.slice SET worker_id = NULL WHERE worker_id = %(worker)s AND state = 'open'
)
UPDATE pgtide.worker w SET ended_at = clock_timestamp()
  FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id
 -- One that was taken over writes nothing any more.
 WHERE w.id = %(worker)s AND r.id = w.run_id AND m.token = r.token

-- end_run --
-- Close a run.
UPDATE pgtide.run SET ended_at = clock_timestamp(), outcome = %(outcome)s WHERE id = %(run)s AND ended_at IS NULL

-- advance --
-- Move a migration to its next state, if it is still where the caller saw it and the caller is the newest run.
UPDATE pgtide.migration
   SET state = %(to)s, resume_to = %(resume_to)s, last_error = %(error)s, waiting_for = %(waiting_for)s,
       paused_by = %(paused_by)s,
       sweep_due = CASE WHEN %(sweep_due)s::boolean IS NULL THEN sweep_due ELSE %(sweep_due)s END,
       updated_at = clock_timestamp()
 WHERE id = %(id)s AND state = %(seen)s AND token = %(token)s
RETURNING state

-- fence --
-- Lock the migration's row for this transaction, if the caller is still the newest run.
SELECT token FROM pgtide.migration WHERE id = %(id)s AND token = %(token)s FOR NO KEY UPDATE

-- set_fingerprint --
-- Keep what must not change until verification.
UPDATE pgtide.migration SET fingerprint = %(fingerprint)s WHERE id = %(id)s AND token = %(token)s

-- pay_sweep --
-- The sweep that was due has been begun.
UPDATE pgtide.migration SET sweep_due = false WHERE id = %(id)s AND token = %(token)s

-- set_rows_total --
-- Fix the denominator of progress.
UPDATE pgtide.migration SET rows_total = %(rows)s WHERE id = %(id)s

-- set_log --
-- Remember the migration's row in migration_log.
UPDATE pgtide.migration SET log_id = %(log)s WHERE id = %(id)s

-- begin_phase --
-- Note the start of a phase; its first start stays, but that of verification, which reads everything anew, of contract
-- and purge, which are one short step, and of an undo after one that had come to its end.
INSERT INTO pgtide.phase (migration_id, attempt, phase, state) VALUES (%(id)s, %(attempt)s, %(phase)s, 'running')
ON CONFLICT (migration_id, attempt, phase) DO UPDATE
   SET state = 'running', ended_at = NULL,
       started_at = CASE WHEN excluded.phase IN ('verify', 'contract', 'purge')
                           OR (excluded.phase = 'rollback' AND phase.state = 'done')
                         THEN clock_timestamp() ELSE phase.started_at END

-- end_phase --
-- Note how a phase ended.
UPDATE pgtide.phase SET state = %(state)s, ended_at = clock_timestamp(), rows = coalesce(%(rows)s::bigint, rows)
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND phase = %(phase)s

-- phases --
-- The phases of a migration's present attempt; an undo of contract alone until the migration goes on.
SELECT p.phase, p.state, p.started_at, p.ended_at, p.rows,
       extract(epoch FROM coalesce(p.ended_at, clock_timestamp()) - p.started_at)::float8 AS seconds
  FROM pgtide.phase p JOIN pgtide.migration m ON m.id = p.migration_id AND m.attempt = p.attempt
 WHERE p.migration_id = %(id)s
   AND (p.phase <> 'rollback' OR m.state IN ('rolling_back', 'rollback_failed', 'rolled_back')
        OR NOT EXISTS (SELECT FROM pgtide.phase later
                        WHERE later.migration_id = p.migration_id AND later.attempt = p.attempt
                          AND later.phase <> 'rollback'
                          AND (later.state = 'running' OR greatest(later.started_at, later.ended_at) > p.ended_at)))
 ORDER BY p.started_at

-- forget_phases --
-- Phases that are to come again.
DELETE FROM pgtide.phase WHERE migration_id = %(id)s AND attempt = %(attempt)s AND phase = ANY (%(phases)s)

-- phase_ended --
-- When a phase of the present attempt was done.
SELECT p.ended_at FROM pgtide.phase p JOIN pgtide.migration m ON m.id = p.migration_id AND m.attempt = p.attempt
 WHERE p.migration_id = %(id)s AND p.phase = %(phase)s AND p.state = 'done'

-- now --
-- The database's clock.
SELECT clock_timestamp()

-- begin_step --
-- Note that a step is about to act, with the statements that would undo it.
INSERT INTO pgtide.step (migration_id, attempt, name, phase, ordinal, state, sql, undo_sql, undo_inside, irreversible,
                         transactional, attempts)
VALUES (%(id)s, %(attempt)s, %(name)s, %(phase)s, %(ordinal)s, 'running', %(sql)s, %(undo)s, %(undo_inside)s, %(irreversible)s,
        %(transactional)s, 1)
ON CONFLICT (migration_id, attempt, name) DO UPDATE
   SET state = 'running', attempts = step.attempts + 1, started_at = clock_timestamp(), ended_at = NULL,
       -- What was taken back is done again with the statements of now.
       sql = CASE WHEN step.state = 'undone' THEN excluded.sql ELSE step.sql END,
       undo_sql = CASE WHEN step.state = 'undone' THEN excluded.undo_sql ELSE step.undo_sql END,
       undo_inside = CASE WHEN step.state = 'undone' THEN excluded.undo_inside ELSE step.undo_inside END

-- end_step --
-- Note that a step's effect is in the catalog.
UPDATE pgtide.step SET state = 'done', ended_at = clock_timestamp(), lock_tries = %(tries)s, seconds = %(seconds)s
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND name = %(name)s

-- undo_step --
-- Note that a step was taken back.
UPDATE pgtide.step SET state = 'undone', ended_at = clock_timestamp()
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND name = %(name)s

-- steps --
-- The steps of a migration's present attempt, the last first: the order of undoing.
-- `irreversible` is not there before a ledger is brought up to date.
SELECT s.name, s.phase, s.state, s.sql, s.undo_sql, coalesce(to_jsonb(s) ->> 'irreversible', '') AS irreversible,
       s.transactional, s.attempts, s.lock_tries, s.seconds
  FROM pgtide.step s JOIN pgtide.migration m ON m.id = s.migration_id AND m.attempt = s.attempt
 WHERE s.migration_id = %(id)s ORDER BY s.ordinal DESC, s.transactional DESC, s.name

-- cut_slice --
-- Write a slice down.
INSERT INTO pgtide.slice (migration_id, attempt, kind, round, ordinal, leaf, filenode, first_block, end_block, schedule,
                          cursor, token, canary, key_columns, key_after, key_upto, key_at)
VALUES (%(id)s, %(attempt)s, %(kind)s, %(round)s, %(ordinal)s, %(leaf)s, %(filenode)s, %(first)s, %(end)s, %(schedule)s,
        %(first)s, %(token)s, %(canary)s, %(columns)s, %(after)s, %(upto)s, %(after)s)
ON CONFLICT DO NOTHING

-- slices --
-- The slices of one kind and round that still count, in their order.
SELECT id, kind, round, ordinal, leaf::bigint AS leaf, filenode, first_block, end_block, schedule, pass, cursor, rows, hot,
       batches, state, worker_id, canary, key_columns, key_after, key_upto, key_at
  FROM pgtide.slice
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND state <> 'void'
   AND (%(round)s::int IS NULL OR round = %(round)s)
 ORDER BY round, ordinal

-- slice --
-- One slice as it stands.
SELECT id, kind, round, ordinal, leaf::bigint AS leaf, filenode, first_block, end_block, schedule, pass, cursor, rows, hot,
       batches, state, worker_id, canary, key_columns, key_after, key_upto, key_at
  FROM pgtide.slice WHERE id = %(slice)s

-- free_slices --
-- The open slices of a kind and round that no living worker has, by the database's clock.
SELECT s.id FROM pgtide.slice s LEFT JOIN pgtide.worker w ON w.id = s.worker_id
 WHERE s.migration_id = %(id)s AND s.attempt = %(attempt)s AND s.kind = %(kind)s AND s.round = %(round)s AND s.state = 'open'
   AND s.token = %(token)s AND (%(slice)s::bigint IS NULL OR s.id = %(slice)s)
   -- Nothing else is filled before the canary was found right.
   AND (s.canary IS NOT NULL OR NOT EXISTS (
        SELECT FROM pgtide.slice c WHERE c.migration_id = s.migration_id AND c.attempt = s.attempt AND c.kind = s.kind
           AND c.canary = 'due' AND c.state <> 'void'))
   AND (w.id IS NULL OR w.ended_at IS NOT NULL
        OR w.heartbeat_at < clock_timestamp() - make_interval(secs => %(lease)s))
 ORDER BY s.ordinal

-- open_slices --
-- How many slices of a kind and round are not done; of the canary alone, where so asked.
SELECT count(*) FROM pgtide.slice
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND round = %(round)s AND state = 'open'
   AND (canary IS NOT NULL OR NOT %(canary)s)

-- give_back_slices --
-- A worker that is at work on none gives back what it still has: a crash of the server has opened it again.
UPDATE pgtide.slice SET worker_id = NULL WHERE worker_id = %(worker)s AND token = %(token)s AND state = 'open'

-- open_round --
-- The newest round of a kind that has open slices.
SELECT max(round) FROM pgtide.slice
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND state = 'open' AND token = %(token)s

-- claim_slice --
-- Take a slice that is still as it was seen: open, under this token, and in nobody's hands or in those of a dead worker.
UPDATE pgtide.slice SET worker_id = %(worker)s
 WHERE id = %(slice)s AND token = %(token)s AND state = 'open' AND worker_id IS NOT DISTINCT FROM %(seen)s

-- hot_share --
-- Rows of the newest slices of a leaf that were walked in several passes, and those of them that stayed on their page.
SELECT coalesce(sum(rows), 0)::bigint AS rows, coalesce(sum(hot), 0)::bigint AS hot
  FROM (SELECT rows, hot FROM pgtide.slice
         WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = 'walk' AND leaf = %(leaf)s AND state = 'done'
           AND cardinality(schedule) > 1
         ORDER BY ended_at DESC, ordinal DESC LIMIT 2) AS newest

-- walk_once --
-- Walk a slice that nobody has begun in this one schedule.
UPDATE pgtide.slice SET schedule = %(schedule)s
 WHERE id = %(slice)s AND token = %(token)s AND worker_id = %(worker)s AND state = 'open' AND batches = 0

-- holder --
-- Who may write to a slice.
SELECT token, worker_id, state FROM pgtide.slice WHERE id = %(slice)s

-- move_cursor --
-- The checkpoint and the fence of a batch: no row means that a newer run, or another worker, has taken over. Returns
-- where rows in quarantine stand in its range: these are left out; and how many rows this session kept on their page since
-- it last told the server's statistics, which is not with every transaction.
UPDATE pgtide.slice
   SET pass = %(pass)s, cursor = %(cursor)s, key_at = %(at)s, state = %(state)s, batches = batches + 1,
       started_at = coalesce(started_at, clock_timestamp()),
       ended_at = CASE WHEN %(state)s = 'done' THEN clock_timestamp() END
 WHERE id = %(slice)s AND token = %(token)s AND worker_id = %(worker)s
   AND pass = %(seen_pass)s AND cursor = %(seen_cursor)s AND state = 'open'
RETURNING coalesce((SELECT array_agg(q.place::text) FROM pgtide.quarantine q
                     WHERE q.migration_id = slice.migration_id AND q.attempt = slice.attempt
                       AND q.filenode = slice.filenode AND q.left_at IS NULL
                       AND q.place >= %(low)s::tid AND (%(high)s::tid IS NULL OR q.place < %(high)s::tid)),
                   '{}') AS kept,
          pg_stat_get_xact_tuples_hot_updated(leaf) AS hot

-- count_rows --
-- The batch's rows; no row means that the table was rewritten, and block numbers mean nothing any more, or that the leaf
-- was detached.
WITH named AS (SELECT %(table)s::regclass AS leaf)
UPDATE pgtide.slice AS s
   SET rows = rows + %(rows)s, hot = hot + pg_stat_get_xact_tuples_hot_updated(s.leaf) - %(hot)s
  FROM named
 WHERE id = %(slice)s AND s.leaf = named.leaf AND filenode = pg_relation_filenode(s.leaf)
   AND (s.leaf = %(oid)s OR %(oid)s IN (SELECT pg_partition_ancestors(s.leaf)))
RETURNING hot

-- void_slices --
-- A leaf was rewritten or detached: its slices say nothing any more, but for the rows they count.
UPDATE pgtide.slice SET state = 'void', ended_at = clock_timestamp()
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND leaf = %(leaf)s AND state = 'open'

-- void_kind --
-- Start the rounds of one kind over.
UPDATE pgtide.slice SET state = 'void', ended_at = coalesce(ended_at, clock_timestamp())
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND state <> 'void'

-- void_round --
-- Start one round of a kind over.
UPDATE pgtide.slice SET state = 'void', ended_at = coalesce(ended_at, clock_timestamp())
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND round = %(round)s AND state <> 'void'

-- pass_canary --
-- The canary was found right, or told of: the other slices are free.
UPDATE pgtide.slice SET canary = 'passed'
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND canary = 'due' AND state <> 'void'

-- reopen_canary --
-- The canary was found wrong: it is to be filled again.
UPDATE pgtide.slice SET state = 'open', pass = 0, cursor = first_block, key_at = key_after, ended_at = NULL, worker_id = NULL
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND canary = 'due' AND state <> 'void'

-- last_round --
-- The highest round of a kind, voided ones included; -1 where there is none.
SELECT coalesce(max(round), -1) FROM pgtide.slice
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s

-- last_ordinal --
-- The highest place in a round, voided ones included; -1 where there is none.
SELECT coalesce(max(ordinal), -1) FROM pgtide.slice
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind = %(kind)s AND round = %(round)s

-- progress --
-- Rows done, and how far the walk has come: each slice counts its passes.
SELECT coalesce(sum(rows) FILTER (WHERE kind <> 'archive'), 0)::bigint AS rows,
       coalesce(sum(batches) FILTER (WHERE kind <> 'archive'), 0)::bigint AS batches,
       min(started_at) FILTER (WHERE kind = 'walk') AS started_at,
       coalesce(avg(CASE WHEN state = 'done' THEN 1.0
                         -- Keys may have become more than were counted.
                         ELSE (pass + least(1, (cursor - first_block)::float8 / greatest(1, end_block - first_block)))
                              / cardinality(schedule) END)
                FILTER (WHERE kind = 'walk' AND state <> 'void'), 0)::float8 AS walked,
       coalesce(bool_or(kind = 'sweep' AND state <> 'void'), false) AS sweeping
  FROM pgtide.slice WHERE migration_id = %(id)s AND attempt = %(attempt)s

-- record_verification --
-- Keep a verdict, bound to the declaration and to the fingerprint.
INSERT INTO pgtide.verification (migration_id, run_id, level, rows, mismatches, passed, problems, checksum, fingerprint,
                                 conflicts, seconds)
SELECT %(id)s, %(run)s, %(level)s, %(rows)s, %(mismatches)s, %(passed)s, %(problems)s::jsonb, checksum, %(fingerprint)s,
       %(conflicts)s, %(seconds)s
  FROM pgtide.migration WHERE id = %(id)s

-- last_verification --
-- The newest verdict on a migration.
SELECT level, rows, mismatches, passed, problems::text AS problems, at, seconds FROM pgtide.verification
 WHERE migration_id = %(id)s ORDER BY id DESC LIMIT 1

-- proof --
-- The newest verdict on a migration, with what it is bound to.
SELECT id, passed, checksum, fingerprint, conflicts, at FROM pgtide.verification
 WHERE migration_id = %(id)s ORDER BY id DESC LIMIT 1

-- carry_verdict --
-- The newest verdict holds for another fingerprint too: pgtide itself made the change, and nobody else did.
INSERT INTO pgtide.verification (migration_id, run_id, at, level, rows, mismatches, passed, problems, checksum,
                                 fingerprint, conflicts, seconds)
SELECT migration_id, %(run)s, at, level, rows, mismatches, passed, problems, checksum, %(fingerprint)s, conflicts,
       seconds
  FROM pgtide.verification WHERE migration_id = %(id)s ORDER BY id DESC LIMIT 1

-- released --
-- How many writes have given up the way back; a sequence that is not there has counted none.
SELECT CASE WHEN to_regclass(%(sequence)s) IS NULL THEN 0
            ELSE coalesce(pg_sequence_last_value(to_regclass(%(sequence)s)), 0) END

-- set_hold --
-- Hold a migration, or let it go.
INSERT INTO pgtide.control (migration_id, hold, reason, by) VALUES (%(id)s, %(hold)s, %(reason)s, %(by)s)
ON CONFLICT (migration_id) DO UPDATE
   SET hold = excluded.hold, reason = excluded.reason, by = excluded.by, at = clock_timestamp()

-- control --
-- What the operator wants.
SELECT hold, reason, by FROM pgtide.control WHERE migration_id = %(id)s

-- forget --
-- Start an attempt's archive over.
DELETE FROM pgtide.archive WHERE migration_id = %(id)s AND attempt = %(attempt)s

-- forget_empty --
-- Rows that were deleted or emptied while the archive was filled have nothing to keep.
DELETE FROM pgtide.archive WHERE migration_id = %(id)s AND attempt = %(attempt)s AND "values" = '{}'

-- record_event --
-- Add a line to the audit.
INSERT INTO pgtide.event (migration_id, run_id, actor, kind, detail)
VALUES (%(id)s, %(run)s, %(actor)s, %(kind)s, %(detail)s::jsonb)

-- events --
-- The audit, oldest first.
SELECT at, migration_id, actor, kind, detail FROM pgtide.event
 WHERE %(id)s::text IS NULL OR migration_id = %(id)s ORDER BY id

-- conflicts --
-- How many writes contradicted themselves; null where there is no such counter.
SELECT CASE WHEN to_regclass(%(sequence)s) IS NULL THEN NULL
            ELSE coalesce(pg_sequence_last_value(to_regclass(%(sequence)s)), 0) END

-- log_start --
-- Begin the strategy's log row of a migration.
SELECT {log}.log_migration_start(%(version)s, %(description)s)

-- log_complete --
-- Complete the strategy's log row.
SELECT {log}.log_migration_complete(%(log_id)s, %(rows)s)

-- log_status --
-- Keep the strategy's log row true.
UPDATE {log}.migration_log
   SET status = %(status)s::text, error_message = %(error)s,
       rollback_available = coalesce(%(available)s::boolean, rollback_available),
       completed_at = CASE WHEN %(status)s::text = 'RUNNING' THEN NULL ELSE clock_timestamp() END,
       duration_ms = CASE WHEN %(status)s::text = 'RUNNING' THEN NULL
                          ELSE extract(epoch FROM clock_timestamp() - started_at) * 1000 END
 WHERE id = %(log_id)s

-- log_settle --
-- The strategy's log row of a migration that is through a later phase: SUCCESS again, whatever a try before had said.
UPDATE {log}.migration_log SET status = 'SUCCESS', error_message = NULL, completed_at = clock_timestamp()
 WHERE id = %(log_id)s AND status <> 'SUCCESS'

-- log_give_up --
-- From here on nothing brings the old shape back.
UPDATE {log}.migration_log SET rollback_available = false WHERE id = %(log_id)s

-- unannounced --
-- What runs could not tell, or that a later one has told it: the newest word on that.
SELECT kind, detail FROM pgtide.event
 WHERE migration_id = %(id)s AND kind IN ('unannounced', 'announced_late') ORDER BY id DESC LIMIT 1
