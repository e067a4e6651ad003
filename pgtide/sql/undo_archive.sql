-- What safe_rollback_migration keeps of the values that the old shape cannot hold. It is one transaction: nobody sees a
-- trigger that it makes before it is over. So the trigger is there since expand, and writes down only while somebody
-- holds a lock that every writer looks at. The archive is filled before the strong lock, what is written meanwhile is
-- added as it comes, and the rest of that under the strong lock: it is held no longer for a bigger table.

-- Whether the new columns are on the table, and hold what must be kept.
CREATE OR REPLACE FUNCTION pgtide.undo_archives(m pgtide.migration) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_typeof(m.plan::jsonb -> 'archive') = 'object'
       AND EXISTS (SELECT FROM pg_class WHERE oid = m.table_oid)
       AND EXISTS (SELECT FROM pgtide.step s WHERE s.migration_id = m.id AND s.attempt = m.attempt
                      AND s.phase = 'expand' AND s.state <> 'undone')
$$;

-- The trigger that writes down what is written meanwhile, told apart from itself once it was touched; null where there
-- is none, or where it is silent on a partition.
CREATE OR REPLACE FUNCTION pgtide.undo_watcher(m pgtide.migration) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('%s %s', t.oid, t.xmin), ', ' ORDER BY t.oid)
      FROM (SELECT m.table_oid UNION ALL SELECT pgtide.undo_parts(m.table_oid)) AS part (id)
      LEFT JOIN pg_trigger t ON t.tgrelid = part.id AND t.tgname = format('~zz_pgtide_%s_w', m.plan::jsonb ->> 'tag')
                            AND t.tgenabled = 'A'
    HAVING bool_and(t.oid IS NOT NULL)
$$;

-- Make every write from here on to the end of this transaction be written down.
CREATE OR REPLACE FUNCTION pgtide.undo_watch(m pgtide.migration) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    writers text;
BEGIN
    FOR attempt IN 1..24 LOOP
        BEGIN
            -- Writers hold it shared, if they can get it at once: the wait is for those who write already, and nobody
            -- waits for it.
            PERFORM pg_advisory_xact_lock(1885828215, pgtide.undo_key(m.table_oid));
            -- What an earlier call has left is in the table.
            DELETE FROM pgtide.archive_late WHERE migration_id = m.id;
            RETURN;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            SELECT string_agg(who, '; ') INTO writers FROM pgtide.undo_blockers(m.table_oid);
            RAISE NOTICE 'waiting for who writes to %.%: %', m.table_schema, m.table_name, writers;
        END;
    END LOOP;
    RAISE EXCEPTION 'a transaction that writes does not end; at the table: %', coalesce(writers, 'nobody any more');
END
$$;

-- The columns of a row "~row" under the names that they had before contract: so the plan calls them.
CREATE OR REPLACE FUNCTION pgtide.undo_columns(m pgtide.migration) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH turned (physical, name) AS (
        SELECT unnest(ARRAY[r ->> 'old', r ->> 'retired']), unnest(ARRAY[r ->> 'new', r ->> 'old'])
          FROM jsonb_array_elements(m.plan::jsonb -> 'replacements') AS r
         WHERE EXISTS (SELECT FROM pgtide.step s WHERE s.migration_id = m.id AND s.attempt = m.attempt
                          AND s.name = 'contract.shape' AND s.state <> 'undone')
    )
    SELECT string_agg(format('("~row").%I AS %I', a.attname, coalesce(t.name, a.attname)), ', ' ORDER BY a.attnum)
      FROM pg_attribute a LEFT JOIN turned t ON t.physical = a.attname
     WHERE a.attrelid = m.table_oid AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- The role that reads the table and writes the archive; null is whoever calls.
CREATE OR REPLACE FUNCTION pgtide.undo_archivist(role name) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT role WHERE has_table_privilege(role, 'pgtide.archive', 'SELECT')
                  AND has_table_privilege(role, 'pgtide.archive', 'INSERT')
                  AND has_table_privilege(role, 'pgtide.archive', 'UPDATE')
                  AND has_table_privilege(role, 'pgtide.archive', 'DELETE')
                  AND has_table_privilege(role, 'pgtide.archive_late', 'SELECT')
                  AND has_table_privilege(role, 'pgtide.archive_late', 'DELETE')
$$;

-- Archive the rows of one leaf as they are now, a stretch after the other: what moves behind this walk was written
-- meanwhile, and is added later. Returns how many have something to keep.
CREATE OR REPLACE FUNCTION pgtide.undo_fill_leaf(m pgtide.migration, role name, leaf regclass, pauses boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE
    archive jsonb := m.plan::jsonb -> 'archive';
    blocks bigint := pg_relation_size(leaf) / current_setting('block_size')::bigint;
    stretch bigint := greatest(1024, blocks / 10);
    low bigint := 0;
    kept bigint := 0;
    begun timestamptz;
BEGIN
    WHILE low <= blocks LOOP
        begun := clock_timestamp();
        kept := kept + pgtide.undo_execute(pgtide.undo_archivist(role), format(
            'INSERT INTO pgtide.archive (migration_id, attempt, key, "values") SELECT %L, %L, %s, %s'
            ' FROM ONLY %s AS "~row" CROSS JOIN LATERAL (SELECT %s) AS t'
            ' WHERE "~row".ctid >= %L::tid AND (%L OR "~row".ctid < %L::tid) AND (%s)'
            -- A row that moved on, or one without a key that has a twin.
            ' ON CONFLICT DO NOTHING',
            m.id, m.attempt, archive ->> 'key', archive ->> 'values', leaf, pgtide.undo_columns(m),
            format('(%s,0)', low), low + stretch > blocks, format('(%s,0)', low + stretch), archive ->> 'where'));
        low := low + stretch;
        IF pauses AND low <= blocks THEN
            RAISE NOTICE 'archived % of % blocks', low, blocks;
            -- The application needs the disk too.
            PERFORM pg_sleep(extract(epoch FROM clock_timestamp() - begun) / 4);
        END IF;
    END LOOP;
    RETURN kept;
END
$$;

-- Archive all rows as they are now, leaf by leaf: an ordinary table is its own one.
CREATE OR REPLACE FUNCTION pgtide.undo_fill(m pgtide.migration, role name, pauses boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    leaf regclass;
    kept bigint := 0;
BEGIN
    DELETE FROM pgtide.archive WHERE migration_id = m.id AND attempt = m.attempt;
    FOR leaf IN
        SELECT c.oid FROM (SELECT m.table_oid UNION ALL SELECT pgtide.undo_parts(m.table_oid)) AS part (id)
          JOIN pg_class c ON c.oid = part.id AND c.relkind <> 'p' ORDER BY c.oid
    LOOP
        kept := kept + pgtide.undo_fill_leaf(m, role, leaf, pauses);
    END LOOP;
    RETURN kept;
END
$$;

-- Add what was written since. Of each row its last word counts: the numbers follow the locks on the row.
CREATE OR REPLACE FUNCTION pgtide.undo_catch_up(m pgtide.migration, role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
-- The archive has just been filled and has no statistics: only its index is right for a few rows.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    archive jsonb := m.plan::jsonb -> 'archive';
    keyless boolean := jsonb_array_length(m.plan::jsonb -> 'key') = 0;
BEGIN
    PERFORM pgtide.undo_execute(pgtide.undo_archivist(role), format(
        'WITH late AS (DELETE FROM pgtide.archive_late WHERE migration_id = %L RETURNING id, gone, content),'
        ' said AS (SELECT l.id, %s AS key, CASE WHEN l.gone THEN ''{}'' ELSE %s END AS "values"'
        ' FROM (SELECT id, gone, content::%s AS "~row" FROM late) AS l CROSS JOIN LATERAL (SELECT %s) AS t WHERE %s),'
        ' last AS (SELECT DISTINCT ON (key) key, "values" FROM said ORDER BY key, id DESC),'
        -- No join: for want of statistics it might read all of the archive for each of these keys, under the lock.
        ' emptied AS (DELETE FROM pgtide.archive a WHERE a.migration_id = %L AND a.attempt = %L AND md5(a.key::text)'
        ' = ANY (ARRAY(SELECT md5(last.key::text) FROM last WHERE last."values" = ''{}'')))'
        ' INSERT INTO pgtide.archive (migration_id, attempt, key, "values")'
        ' SELECT %L, %L, key, "values" FROM last WHERE "values" <> ''{}'''
        ' ON CONFLICT (migration_id, attempt, md5(key::text)) DO UPDATE'
        ' SET "values" = excluded."values", at = clock_timestamp()',
        m.id, archive ->> 'key', archive ->> 'values', m.table_oid::regclass, pgtide.undo_columns(m),
        -- Without a key the whole row is its name: a twin may live on, so nothing is ever emptied.
        CASE WHEN keyless THEN format('NOT l.gone AND (%s)', archive ->> 'where') ELSE 'true' END,
        m.id, m.attempt, m.id, m.attempt));
END
$$;

-- Add what was written since, until that is little: the longer the archive took, the longer the first of these takes,
-- and what is written during the last one is added under the lock.
CREATE OR REPLACE FUNCTION pgtide.undo_keep_up(m pgtide.migration, role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    begun timestamptz;
BEGIN
    FOR turn IN 1..5 LOOP
        begun := clock_timestamp();
        PERFORM pgtide.undo_catch_up(m, role);
        EXIT WHEN clock_timestamp() - begun < interval '20 ms';
    END LOOP;
END
$$;
