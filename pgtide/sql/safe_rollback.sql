-- Undo from psql alone: SELECT safe_rollback_migration('2.1.0'). True: the old shape is back. False: nothing of the
-- table was changed; the warning, migration_log and pgtide.event say why, and it may be called again. It is an error
-- where there is no way back. Made anew with every pgtide whose text differs.

-- The role that can undo: the table's owner, unless what was made beside the table has another one who can do both.
CREATE OR REPLACE FUNCTION pgtide.undo_role(m pgtide.migration) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH owner (id, first) AS (
        SELECT relowner, true FROM pg_class WHERE oid = m.table_oid
        UNION SELECT proowner, false FROM pg_proc
               WHERE pronamespace = 'pgtide'::regnamespace AND starts_with(proname, 'm_' || (m.plan::jsonb ->> 'tag') || '_')
        UNION SELECT relowner, false FROM pg_class
               WHERE relnamespace = 'pgtide'::regnamespace AND starts_with(relname, 'm_' || (m.plan::jsonb ->> 'tag') || '_')
    )
    SELECT pg_get_userbyid(o.id) FROM owner o
     ORDER BY (SELECT bool_and(pg_has_role(o.id, other.id, 'USAGE')) FROM owner other) DESC, o.first DESC LIMIT 1
$$;

-- Execute one statement as another role; null stays who it is. Returns how many rows it touched.
CREATE OR REPLACE FUNCTION pgtide.undo_execute(role name, statement text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text := current_setting('role');
    touched bigint;
BEGIN
    PERFORM set_config('role', coalesce(role, before), true);
    EXECUTE statement;
    GET DIAGNOSTICS touched = ROW_COUNT;
    PERFORM set_config('role', before, true);
    RETURN touched;
END
$$;

-- The recorded undo statements that are still due, of one step or of all, the last act first. Where the table was
-- dropped, only those of what does not lie on it: its name may be another table's by now.
CREATE OR REPLACE FUNCTION pgtide.undo_statements(m pgtide.migration, one_step text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.statement
      FROM pgtide.step s, jsonb_array_elements_text(s.undo_inside::jsonb) WITH ORDINALITY AS u (statement, place)
     WHERE s.migration_id = m.id AND s.attempt = m.attempt AND s.state <> 'undone'
       AND (one_step IS NULL OR s.name = one_step)
       AND (EXISTS (SELECT FROM pg_class WHERE oid = m.table_oid)
            OR s.name = 'rollback.capture' AND starts_with(u.statement, 'DROP FUNCTION ')
            OR u.statement IN (
                SELECT made ->> 'undo'
                  FROM jsonb_path_query(m.plan::jsonb, '$.*[*].statements[*]') AS made
                 WHERE made ->> 'lock' = 'none'))
     ORDER BY s.ordinal DESC, s.transactional DESC, s.name, u.place
$$;

-- The tables that the table refers to by a foreign key which these statements drop, by its name or with a column. The
-- server locks them too, after the table, while whoever writes both as a rule begins with them. What contract has turned
-- is called otherwise in the statements than it is now.
CREATE OR REPLACE FUNCTION pgtide.undo_referenced(m pgtide.migration, one_step text) RETURNS TABLE (id oid, target text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH turned (kind, called, name) AS (
        SELECT k.kind, unnest(ARRAY[o ->> 'new', o ->> 'retired']), unnest(ARRAY[o ->> 'old', o ->> 'new'])
          FROM (SELECT 'column', jsonb_build_object('old', r ->> 'new', 'new', r ->> 'old', 'retired', r ->> 'retired')
                  FROM jsonb_array_elements(m.plan::jsonb -> 'replacements') AS r
                UNION ALL
                SELECT 'key', jsonb_build_object('old', r ->> 'twin', 'new', r ->> 'name', 'retired', r ->> 'retired')
                  FROM jsonb_array_elements(m.plan::jsonb -> 'twins') AS r WHERE r ->> 'name' <> '') AS k (kind, o)
         WHERE EXISTS (SELECT FROM pgtide.step s WHERE s.migration_id = m.id AND s.attempt = m.attempt
                          AND s.name = 'contract.shape' AND s.state <> 'undone')
    ), part (key, kind, called) AS (
        SELECT c.oid, 'key', c.conname FROM pg_constraint c WHERE c.conrelid = m.table_oid
        UNION ALL
        SELECT c.oid, 'column', a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid
         WHERE c.conrelid = m.table_oid AND a.attnum = ANY (c.conkey)
    ), dropping (words) AS (
        SELECT ' ' || translate(s, E',;\n', '   ') || ' ' FROM pgtide.undo_statements(m, one_step) AS s
         WHERE s ~* '\mdrop\s+(column|constraint)\M'
    )
    SELECT p.oid, CASE WHEN p.relkind = 'p' THEN '' ELSE 'ONLY ' END || p.oid::regclass
      FROM pg_class p
     WHERE EXISTS (
           SELECT FROM pg_constraint c JOIN part ON part.key = c.oid
             LEFT JOIN turned ON turned.kind = part.kind AND turned.called = part.called
            CROSS JOIN LATERAL (SELECT coalesce(turned.name, part.called)::text AS name) k, dropping d
            WHERE c.conrelid = m.table_oid AND c.contype = 'f' AND c.confrelid = p.oid AND p.oid <> c.conrelid
              AND c.conparentid = 0
              AND (strpos(d.words, ' "' || replace(translate(k.name, E',;\n', '   '), '"', '""') || '" ') > 0
                   OR quote_ident(k.name) = k.name AND strpos(d.words, ' ' || k.name || ' ') > 0))
     ORDER BY p.oid
$$;

-- One try: everything, or an error and nothing. `watcher` is the trigger that has watched since the archive was filled;
-- without one it is filled here. Returns how many rows that kept. `one_step` undoes one step, and archives nothing.
CREATE OR REPLACE FUNCTION pgtide.undo_at_once(m pgtide.migration, role name, watcher text, one_step text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept bigint;
    statement text;
    refusal text;
    targets text;
    part regclass;
    patience constant interval := current_setting('lock_timeout');
    begun constant timestamptz := clock_timestamp();
BEGIN
    BEGIN
        -- Autovacuum yields to whoever looks for deadlocks.
        PERFORM set_config('deadlock_timeout', '20ms', true);
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;
    END;
    IF EXISTS (SELECT FROM pg_class WHERE oid = m.table_oid) THEN
        -- A view's readers hold the view before the table. Saying whose it is locks it, and changes nothing.
        FOR statement IN
            SELECT s FROM pgtide.undo_statements(m, one_step) AS s WHERE s LIKE 'ALTER VIEW % OWNER TO %'
        LOOP
            PERFORM pgtide.undo_execute(role, statement);
        END LOOP;
        SELECT string_agg(target || ', ', '' ORDER BY id) INTO targets FROM pgtide.undo_referenced(m, one_step)
         WHERE has_table_privilege(coalesce(role, current_user), id, 'UPDATE, DELETE, TRUNCATE');
        PERFORM pgtide.undo_execute(role, format('LOCK TABLE %s ONLY %s IN ACCESS EXCLUSIVE MODE', targets,
                                                 m.table_oid::regclass));
        -- lock_timeout counts each lock by itself; the table is held by now, so all of its partitions share one.
        FOR part IN SELECT pgtide.undo_parts(m.table_oid) LOOP
            PERFORM set_config('lock_timeout', greatest(1, extract(epoch FROM patience - (clock_timestamp() - begun))
                                                           * 1000)::int::text, true);
            PERFORM pgtide.undo_execute(role, format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', part));
        END LOOP;
        PERFORM set_config('lock_timeout', (extract(epoch FROM patience) * 1000)::int::text, true);
    END IF;
    IF pgtide.undo_moved(m) IS NOT NULL THEN
        RAISE EXCEPTION USING MESSAGE = pgtide.undo_moved(m);
    ELSIF one_step IS NULL THEN
        refusal := pgtide.undo_refusal(m);
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PGT01', MESSAGE = refusal;
    ELSIF one_step IS NOT NULL THEN
        NULL;
    ELSIF watcher IS DISTINCT FROM pgtide.undo_watcher(m) THEN
        RAISE EXCEPTION 'somebody touched the trigger that watches the table while it was archived';
    ELSIF watcher IS NOT NULL THEN
        PERFORM pgtide.undo_catch_up(m, role);
    ELSIF pgtide.undo_archives(m) THEN
        kept := pgtide.undo_fill(m, role, false);
    END IF;
    IF one_step IS NULL THEN
        PERFORM pgtide.undo_tell(m);
    END IF;
    FOR statement IN SELECT pgtide.undo_statements(m, one_step) LOOP
        PERFORM pgtide.undo_execute(role, statement);
    END LOOP;
    RETURN kept;
END
$$;

-- Try as often as a run does, with short waits for locks and pauses between. Returns how many rows were kept under the
-- lock.
CREATE OR REPLACE FUNCTION pgtide.undo_patiently(m pgtide.migration, role name, watcher text, one_step text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tries constant int := 30;
    blockers text;
    autovacuum boolean;
BEGIN
    FOR attempt IN 1..tries LOOP
        IF watcher IS NOT NULL THEN
            PERFORM pgtide.undo_keep_up(m, role);
        END IF;
        BEGIN
            RETURN pgtide.undo_at_once(m, role, watcher, one_step);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            SELECT coalesce(string_agg(b.who, '; '), 'a session that has ended meanwhile'), bool_or(b.autovacuum)
              INTO blockers, autovacuum
              FROM pgtide.undo_blockers(VARIADIC m.table_oid || ARRAY(
                       SELECT part.oid FROM pgtide.undo_parts(m.table_oid) AS part (oid)) || ARRAY(
                       SELECT part.relid FROM pgtide.undo_referenced(m, one_step) AS r
                        CROSS JOIN LATERAL (SELECT r.id UNION SELECT relid FROM pg_partition_tree(r.id)) AS part (relid))) AS b;
        END;
        RAISE NOTICE 'try % of %: in the way of %.%: %', attempt, tries, m.table_schema, m.table_name, blockers;
        -- Longer than the server's own deadlock_timeout only where nothing else moves autovacuum.
        PERFORM set_config('lock_timeout', CASE WHEN autovacuum THEN '1200ms' ELSE '200ms' END, true);
        IF attempt < tries THEN
            PERFORM pg_sleep(random() * least(10, 0.25 * 2 ^ (attempt - 1)));
        END IF;
    END LOOP;
    RAISE EXCEPTION 'no lock on the table after % tries; in the way: %', tries, blockers;
END
$$;

-- Take away what an interrupted `pgtide down` archives with: its trigger writes the archive itself, so writers would
-- wait for what this transaction has written there. It still fires until this transaction is over. Returns whether
-- there was one.
CREATE OR REPLACE FUNCTION pgtide.undo_put_away(m pgtide.migration, role name) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = m.table_oid
                      AND tgname = format('~zz_pgtide_%s_a', m.plan::jsonb ->> 'tag')) THEN
        RETURN false;
    END IF;
    PERFORM pgtide.undo_patiently(m, role, NULL, 'rollback.capture');
    UPDATE pgtide.step SET state = 'undone', ended_at = clock_timestamp()
     WHERE migration_id = m.id AND attempt = m.attempt AND name = 'rollback.capture';
    UPDATE pgtide.slice SET state = 'void', ended_at = coalesce(ended_at, clock_timestamp())
     WHERE migration_id = m.id AND attempt = m.attempt AND kind = 'archive' AND state <> 'void';
    DELETE FROM pgtide.archive WHERE migration_id = m.id AND attempt = m.attempt;
    RETURN true;
END
$$;

-- Archive, then undo. Where that fails nothing is left of it, and `why` says why; `refused` where it is for others' objects.
CREATE OR REPLACE FUNCTION pgtide.undo_table(m pgtide.migration, OUT kept bigint, OUT why text, OUT refused boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role name := pgtide.undo_role(m);
    watcher text := pgtide.undo_watcher(m);
    detail text;
BEGIN
    BEGIN
        why := pgtide.undo_refusal(m);
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        -- Saying what a view is waits for its tables. It is looked at under the lock again, which is asked for patiently.
        NULL;
    END;
    refused := why IS NOT NULL;
    IF refused THEN
        RETURN;
    ELSIF pgtide.undo_put_away(m, role) THEN
        why := 'an interrupted `pgtide down` left its archive half filled. That was put away: call this again';
        RETURN;
    END IF;
    IF watcher IS NOT NULL AND pgtide.undo_archives(m) THEN
        PERFORM pgtide.undo_watch(m);
        kept := pgtide.undo_fill(m, role, true);
    END IF;
    kept := coalesce(pgtide.undo_patiently(m, role, watcher, NULL), kept);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS why = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    why := concat_ws(': ', why, nullif(detail, ''));
    refused := SQLSTATE = 'PGT01';
    kept := NULL;
END
$$;

-- Undo a migration by its version, whatever became of the process that ran it.
CREATE OR REPLACE FUNCTION pgtide.undo(wanted text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' SET row_security = off
-- A plan's cost is no reason to compile under a strong lock.
SET jit = off AS $$
DECLARE
    m pgtide.migration := pgtide.undo_find(wanted);
    mine bigint;
    kept bigint;
    why text;
    refused boolean;
    patience text := current_setting('deadlock_timeout');
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'this transaction does not see what others write: call it under READ COMMITTED';
    END IF;
    why := pgtide.undo_fence(m);
    IF why IS NOT NULL THEN
        PERFORM pgtide.undo_note(m, NULL, 'undo_refused', jsonb_build_object('why', why));
        RAISE WARNING 'migration % was not touched: %', wanted, why;
        RETURN false;
    END IF;
    -- It may have moved on meanwhile; from here on nobody moves it.
    m := pgtide.undo_find(wanted);
    mine := pgtide.undo_begin(m);
    SELECT t.kept, t.why, t.refused INTO kept, why, refused FROM pgtide.undo_table(m) AS t;
    -- No SET of the function's own: not everybody may set it.
    IF current_setting('deadlock_timeout') <> patience THEN
        PERFORM set_config('deadlock_timeout', patience, true);
    END IF;
    PERFORM pgtide.undo_end(m, mine, kept, why);
    IF refused THEN
        PERFORM pgtide.undo_stay(m);
    END IF;
    IF why IS NOT NULL THEN
        RAISE WARNING 'migration % was not undone: %', wanted, why;
    END IF;
    RETURN why IS NULL;
END
$$;

-- The strategy's name, in the ledger's schema and beside the strategy's log.
CREATE OR REPLACE FUNCTION pgtide.safe_rollback_migration(p_version varchar(255)) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT pgtide.undo(p_version)';
CREATE OR REPLACE FUNCTION {log}.safe_rollback_migration(p_version varchar(255)) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT pgtide.undo(p_version)';

-- They run with the caller's rights; who may call them is still the owner's to say. Contract and purge ask those that only
-- look, whoever runs them.
REVOKE ALL ON FUNCTION {log}.safe_rollback_migration(varchar) FROM PUBLIC;
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc WHERE pronamespace = 'pgtide'::regnamespace
                  AND (proname IN ('undo', 'safe_rollback_migration') OR starts_with(proname, 'undo_') AND provolatile = 'v')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one);
    END LOOP;
END
$$;
