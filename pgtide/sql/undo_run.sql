-- What safe_rollback_migration does around the undo itself: whether it may begin, who must be kept out, and what the
-- ledger says afterwards.

-- The advisory lock's second key is signed, an oid is not.
CREATE OR REPLACE FUNCTION pgtide.undo_key(oid) RETURNS int
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ($1::bigint - CASE WHEN $1::bigint < 2147483648 THEN 0 ELSE 4294967296 END)::int
$$;

-- What is wrong with the table's name: the recorded statements name it, and it may be another table's by now.
CREATE OR REPLACE FUNCTION pgtide.undo_moved(m pgtide.migration) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I is called %s now: give it its name back first', m.table_schema, m.table_name, c.oid::regclass)
      FROM pg_class c
     WHERE c.oid = m.table_oid
       AND (c.relname, c.relnamespace::regnamespace::text) IS DISTINCT FROM (m.table_name, quote_ident(m.table_schema))
$$;

-- Why a migration has no way back; null where it has one.
CREATE OR REPLACE FUNCTION pgtide.undo_unavailable(m pgtide.migration) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counter regclass := to_regclass(format('pgtide.%I', 'm_' || (m.plan::jsonb ->> 'tag') || '_released'));
    released bigint := 0;
    closed text;
    called text := pgtide.undo_moved(m);
BEGIN
    IF m.state IN ('planned', 'rolled_back') THEN
        RETURN format('it is %s: nothing of it is on the table', m.state);
    ELSIF 'completed' IN (m.state, m.resume_to) OR 'purging' IN (m.state, m.resume_to) THEN
        RETURN format('it is %s: the old columns are gone, or going', coalesce(m.resume_to, m.state));
    END IF;
    IF called IS NOT NULL THEN
        RETURN called;
    ELSIF counter IS NOT NULL THEN
        EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %s', counter) INTO released;
    END IF;
    SELECT string_agg(format('%s: %s', s.name, s.irreversible), '; ' ORDER BY s.ordinal) INTO closed
      FROM pgtide.step s
     WHERE s.migration_id = m.id AND s.attempt = m.attempt AND s.state <> 'undone' AND s.irreversible <> '';
    IF closed IS NOT NULL THEN
        RETURN 'nothing can take back ' || closed;
    END IF;
    IF released > 0 THEN
        RETURN format('the way back was released: %s writes hold what the old columns cannot', released);
    END IF;
    RETURN NULL;
END
$$;

-- The migration of a version, if it can be undone.
CREATE OR REPLACE FUNCTION pgtide.undo_find(wanted text) RETURNS pgtide.migration
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m pgtide.migration;
    why text;
BEGIN
    SELECT * INTO m FROM pgtide.migration WHERE version = wanted;
    why := CASE WHEN FOUND THEN pgtide.undo_unavailable(m) ELSE 'the ledger knows no migration of this version' END;
    IF why IS NOT NULL THEN
        RAISE EXCEPTION 'Migration % not found or rollback not available', wanted USING DETAIL = why;
    END IF;
    RETURN m;
END
$$;

-- The partitions of a table, and theirs; none of an ordinary one.
CREATE OR REPLACE FUNCTION pgtide.undo_parts(oid) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE tree AS (
        SELECT $1 AS part
        UNION ALL
        SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.part AND NOT i.inhdetachpending)
    SELECT part FROM tree WHERE part <> $1
$$;

-- Who holds locks on a table, or on others that are locked with it, as far as this role may see it.
CREATE OR REPLACE FUNCTION pgtide.undo_blockers(VARIADIC oid[]) RETURNS TABLE (who text, autovacuum boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Within a transaction the server shows the activity of the first look, for ever.
    PERFORM pg_stat_clear_snapshot();
    RETURN QUERY
    SELECT DISTINCT ON (l.pid, l.virtualtransaction)
           CASE WHEN l.pid IS NULL THEN 'a prepared transaction'
                ELSE format('pid %s (%s, %s, %s s: %s)', l.pid, coalesce(a.usename, 'system'),
                            coalesce(nullif(a.application_name, ''), a.backend_type, 'unknown'),
                            coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::int::text, '?'),
                            left(a.query, 80)) END
           || coalesce(' on ' || nullif(l.relation, $1[1])::regclass, ''),
           coalesce(a.backend_type = 'autovacuum worker', false)
      FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'relation' AND l.relation = ANY ($1) AND l.granted AND l.mode <> 'SIReadLock'
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND l.pid IS DISTINCT FROM pg_backend_pid()
     ORDER BY l.pid, l.virtualtransaction, array_position($1, l.relation);
END
$$;

-- End the server processes of the runs on a table; says who is at work and may not be ended, null where nobody is.
CREATE OR REPLACE FUNCTION pgtide.undo_end_runs(oid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
    alive text;
BEGIN
    PERFORM pg_stat_clear_snapshot();
    FOR one IN
        SELECT a.pid, format('run %s of %s by %s on %s (server process %s, heartbeat %s s ago)', r.id, r.migration_id,
                             r.actor, r.host, a.pid, extract(epoch FROM clock_timestamp() - r.heartbeat_at)::int) AS who
          FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id JOIN pgtide.backend b ON b.run_id = r.id
          -- The start is hidden from a role that may not see others' activity, and then this one may not end it either.
          JOIN pg_stat_activity a ON a.pid = b.pid AND coalesce(a.backend_start = b.started, true)
         WHERE m.table_oid = $1 AND r.ended_at IS NULL AND a.pid <> pg_backend_pid()
    LOOP
        BEGIN
            IF pg_terminate_backend(one.pid, 5000) THEN
                RAISE NOTICE 'ended %', one.who;
            ELSE
                alive := one.who || ' does not end';
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            alive := one.who || format(' is at work, and %s may not end it', current_user);
        END;
    END LOOP;
    RETURN alive;
END
$$;

-- Keep every run out until this transaction ends: the token and its copies raised, the table's advisory lock taken.
-- Returns why not; then nothing was raised.
CREATE OR REPLACE FUNCTION pgtide.undo_fence(m pgtide.migration) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    alive text;
    raised bigint;
BEGIN
    FOR attempt IN 1..20 LOOP
        alive := pgtide.undo_end_runs(m.table_oid);
        EXIT WHEN alive IS NOT NULL;
        BEGIN
            UPDATE pgtide.migration SET token = token + 1 WHERE id = m.id RETURNING token INTO raised;
            -- Waits for a batch in flight; one that comes later finds no slice of its token.
            UPDATE pgtide.slice SET token = raised WHERE migration_id = m.id AND state = 'open';
            IF pg_try_advisory_xact_lock(1885828201, pgtide.undo_key(m.table_oid)) THEN
                RETURN NULL;
            END IF;
            RAISE lock_not_available;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            -- A run that was ended needs a moment to go, and may have come back to be ended again.
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    RETURN coalesce(alive, format('another session holds the migrations of %I.%I', m.table_schema, m.table_name));
END
$$;

-- Add a line to the audit, in the name of whoever logged in.
CREATE OR REPLACE FUNCTION pgtide.undo_note(m pgtide.migration, mine bigint, kind text, detail jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pgtide.event (migration_id, run_id, actor, kind, detail) VALUES (m.id, mine, session_user, kind, detail)
$$;

-- Write down who undoes it, and that whoever worked on the table before is lost. Returns the run's number.
CREATE OR REPLACE FUNCTION pgtide.undo_begin(m pgtide.migration) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine bigint;
    before text;
BEGIN
    WITH lost AS (
        UPDATE pgtide.run r SET ended_at = clock_timestamp(), outcome = 'lost' FROM pgtide.migration o
         WHERE o.id = r.migration_id AND o.table_oid = m.table_oid AND r.ended_at IS NULL
        RETURNING r.id, r.migration_id, r.actor, r.host, r.pid
    )
    SELECT format('run %s of %s by %s on %s (pid %s)', id, migration_id, actor, host, pid) INTO before
      FROM lost ORDER BY id DESC LIMIT 1;
    INSERT INTO pgtide.run (migration_id, attempt, token, actor, host, pid)
    SELECT id, attempt, token, session_user, coalesce(host(inet_client_addr()), 'local'), pg_backend_pid()
      FROM pgtide.migration WHERE id = m.id
    RETURNING id INTO mine;
    INSERT INTO pgtide.phase (migration_id, attempt, phase, state) VALUES (m.id, m.attempt, 'rollback', 'running')
    ON CONFLICT (migration_id, attempt, phase) DO UPDATE
       SET state = 'running', ended_at = NULL,
           started_at = CASE WHEN phase.state = 'done' THEN clock_timestamp() ELSE phase.started_at END;
    PERFORM pgtide.undo_note(m, mine, 'run_began', jsonb_build_object('taken_over', before));
    PERFORM pgtide.undo_note(m, mine, 'phase_began', jsonb_build_object('phase', 'rollback'));
    RETURN mine;
END
$$;

-- Leave the ledger as `pgtide down` leaves it: `why` is null where it is done.
CREATE OR REPLACE FUNCTION pgtide.undo_end(m pgtide.migration, mine bigint, kept bigint, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now timestamptz := clock_timestamp();
    undone jsonb := '[]';
BEGIN
    IF why IS NULL THEN
        SELECT coalesce(jsonb_agg(name ORDER BY ordinal DESC), '[]') INTO undone FROM pgtide.step
         WHERE migration_id = m.id AND attempt = m.attempt AND state <> 'undone';
        UPDATE pgtide.step SET state = 'undone', ended_at = now
         WHERE migration_id = m.id AND attempt = m.attempt AND state <> 'undone';
        PERFORM pgtide.undo_note(m, mine, 'taken_back', jsonb_build_object('steps', undone));
        PERFORM pgtide.undo_note(m, mine, 'phase_ended', jsonb_build_object('phase', 'rollback', 'rows', kept));
    ELSE
        PERFORM pgtide.undo_note(m, mine, 'phase_failed', jsonb_build_object('phase', 'rollback', 'why', why));
    END IF;
    UPDATE pgtide.migration
       SET state = CASE WHEN why IS NULL THEN 'rolled_back' ELSE 'rollback_failed' END, resume_to = NULL,
           last_error = why, waiting_for = NULL, paused_by = NULL, updated_at = now
     WHERE id = m.id;
    UPDATE pgtide.phase SET state = CASE WHEN why IS NULL THEN 'done' ELSE 'failed' END, ended_at = now,
                            rows = coalesce(kept, rows)
     WHERE migration_id = m.id AND attempt = m.attempt AND phase = 'rollback';
    UPDATE pgtide.run SET ended_at = now, outcome = CASE WHEN why IS NULL THEN 'ended' ELSE 'failed' END WHERE id = mine;
    UPDATE {log}.migration_log
       SET status = CASE WHEN why IS NULL THEN 'ROLLED_BACK' ELSE 'ROLLBACK_FAILED' END, error_message = why,
           rollback_available = rollback_available AND why IS NOT NULL, completed_at = now,
           duration_ms = extract(epoch FROM now - started_at) * 1000
     WHERE id = m.log_id AND version = m.version;
END
$$;

-- Say and write down what goes with the new columns and is others'.
CREATE OR REPLACE FUNCTION pgtide.undo_tell(m pgtide.migration) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    along text[] := ARRAY(SELECT pgtide.undo_along(m));
    line text;
BEGIN
    FOREACH line IN ARRAY along LOOP
        RAISE NOTICE 'goes with its column: %', line;
    END LOOP;
    IF along <> '{}' THEN
        PERFORM pgtide.undo_note(m, (SELECT max(id) FROM pgtide.run WHERE migration_id = m.id), 'goes_along',
                                 jsonb_build_object('what', along));
    END IF;
END
$$;

-- Leave a contracted migration where it was: nothing of it is undone, and what was in the way can be mended.
CREATE OR REPLACE FUNCTION pgtide.undo_stay(m pgtide.migration) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pgtide.undo_contract(m)) THEN
        RETURN;
    END IF;
    UPDATE pgtide.migration SET state = 'contracted' WHERE id = m.id;
    UPDATE pgtide.phase SET state = 'done', ended_at = coalesce(ended_at, clock_timestamp())
     WHERE migration_id = m.id AND attempt = m.attempt AND phase = 'contract' AND state <> 'done';
    UPDATE {log}.migration_log SET status = 'SUCCESS', error_message = NULL WHERE id = m.log_id AND version = m.version;
END
$$;
