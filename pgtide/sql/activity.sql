-- blockers --
-- Who holds a lock on a table, or on another that is locked with it, other than this session; prepared transactions
-- have no pid. A role without pg_read_all_stats does not see what kind of process it is: one without a user that holds
-- the lock of VACUUM is one.
SELECT l.pid, l.virtualtransaction AS transaction, nullif(l.relation, %(oid)s)::regclass::text AS table, coalesce(a.usename, x.owner) AS "user",
       coalesce(a.application_name, 'prepared transaction ' || quote_literal(x.gid)) AS application, l.mode,
       coalesce(a.backend_type, CASE WHEN a.pid IS NOT NULL AND a.usesysid IS NULL
                                      AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
                                     THEN 'autovacuum worker' END) AS backend_type,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, x.prepared))::float8 AS seconds,
       left(a.query, 80) AS query
  FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
  LEFT JOIN pg_locks own ON l.pid IS NULL AND own.pid IS NULL AND own.virtualtransaction = l.virtualtransaction
                        AND own.locktype = 'transactionid'
  LEFT JOIN pg_prepared_xacts x ON x.transaction = own.transactionid
 WHERE l.locktype = 'relation' AND l.granted AND (%(modes)s::text[] IS NULL OR l.mode = ANY (%(modes)s::text[]))
   AND (l.relation = %(oid)s
        OR l.relation IN (WITH RECURSIVE tree AS (SELECT %(oid)s::oid AS oid
                                                  UNION ALL
                                                  SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
                          SELECT oid FROM tree)
        OR l.relation = ANY (%(whole)s::oid[])
        -- Those who only read it do not wait for a foreign key that comes.
        OR l.relation = ANY (%(writes)s::oid[]) AND l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND l.mode <> 'SIReadLock'
 ORDER BY coalesce(a.xact_start, x.prepared) NULLS FIRST, l.relation = %(oid)s

-- may_set_deadlock_timeout --
-- Whether this role may set deadlock_timeout: superusers, and others by GRANT SET. From 15 on.
SELECT has_parameter_privilege('deadlock_timeout', 'SET')

-- is_superuser --
-- Whether this role may do anything.
SELECT current_setting('is_superuser')::boolean

-- cancel_backend --
-- Cancel what a backend runs; false where it is gone or we may not.
SELECT pg_cancel_backend(%(pid)s)

-- terminate_backend --
-- End a backend that is still the one recorded, never a reused pid, and wait until it is gone: the signal alone
-- does not keep it from committing.
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE pid = %(pid)s AND backend_start = %(started)s

-- this_backend --
-- Who this session is.
SELECT pid, backend_start AS started FROM pg_stat_get_activity(pg_backend_pid())

-- is_there --
-- Whether a recorded backend still runs.
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %(pid)s AND backend_start = %(started)s)

-- try_table_lock --
-- Take the session's advisory lock on a table: one live run per table.
SELECT pg_try_advisory_lock(%(namespace)s, %(oid)s)

-- share_name_lock --
-- Take the session's advisory lock on a name; others may hold it too. One key of 64 bits never meets those of two halves.
SELECT pg_try_advisory_lock_shared(hashtextextended('pgtide ' || %(name)s, 0))

-- name_locked --
-- Whether anybody holds it; what is taken to find out goes with the statement.
SELECT NOT pg_try_advisory_xact_lock(hashtextextended('pgtide ' || %(name)s, 0))

-- old_snapshots --
-- Sessions whose snapshot is old; a concurrent index build waits for all of them, on any table.
SELECT a.pid, a.pid::text AS transaction, NULL AS table, a.usename AS "user", a.application_name AS application,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds, left(a.query, 80) AS query
  FROM pg_stat_activity a
 WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid() AND a.datname = current_database()
   AND a.xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
 ORDER BY a.xact_start

-- horizon --
-- Who keeps the oldest snapshot in this database, prepared transactions included: nothing younger is pruned. Vacuums
-- keep none that counts; sessions whose name begins with `own` are the asker's.
SELECT pid, coalesce(pid::text, application) AS transaction, NULL AS table, "user", application, backend_type,
       extract(epoch FROM clock_timestamp() - since)::float8 AS seconds, query
  FROM (SELECT pid, usename AS "user", application_name AS application, backend_type, xact_start AS since,
               left(query, 80) AS query
          FROM pg_stat_activity a
         WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()
           AND datname = current_database()
           AND NOT coalesce(starts_with(application_name, nullif(%(own)s, '')), false)
           AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
        UNION ALL
        SELECT NULL, owner, 'prepared transaction ' || quote_literal(gid), NULL, prepared, NULL
          FROM pg_prepared_xacts WHERE database = current_database()) AS held
 WHERE since IS NOT NULL
 ORDER BY since LIMIT 1

-- busy_sessions --
-- How many other sessions run a statement at this moment, of pgtide's own and of others; how many of the others did within the
-- last second, and how many this role may not see. Sessions of the names in `but` are none of them.
SELECT count(*) FILTER (WHERE own AND state = 'active')::int AS ours,
       count(*) FILTER (WHERE NOT own AND state = 'active')::int AS others,
       count(*) FILTER (WHERE NOT own AND state_change > clock_timestamp() - interval '1 second')::int AS lately,
       count(*) FILTER (WHERE query = '<insufficient privilege>')::int AS hidden
  FROM (SELECT a.*, application_name LIKE 'pgtide %%' AS own FROM pg_stat_activity a) AS a
 WHERE (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL) AND pid <> pg_backend_pid()
   AND coalesce(application_name, '') <> ALL (%(but)s::text[])

-- may_read_files --
-- Whether this role may read the server's own files.
SELECT pg_has_role('pg_read_server_files', 'USAGE')
   AND has_function_privilege('pg_read_file(text, bigint, bigint, boolean)', 'EXECUTE')

-- cores --
-- How many cores the server's system counts; null where it does not say.
SELECT nullif((SELECT count(*) FROM regexp_matches(
           coalesce(pg_read_file('/proc/cpuinfo', 0, 1000000, true), ''), '^processor\s*:', 'gn')), 0)
