-- worker --
-- The run that has not ended, with the age of its heartbeat by the database's clock.
SELECT actor, host, pid, started_at,
       extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS silent_seconds
  FROM pgtide.run WHERE migration_id = %(id)s AND ended_at IS NULL ORDER BY id DESC LIMIT 1

-- live_run --
-- The run at work on a table, whichever migration it is of; a silent one is dead and does not count.
SELECT r.id, r.migration_id, r.actor, r.host, r.pid, r.started_at
  FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id
 WHERE m.table_oid = %(oid)s AND r.ended_at IS NULL
   AND r.heartbeat_at > clock_timestamp() - make_interval(secs => %(lease)s)
 ORDER BY r.id DESC LIMIT 1

-- worked_seconds --
-- How long runs were alive during the backfill of the present attempt: pauses and the time after a kill do not count.
SELECT coalesce(sum(extract(epoch FROM least(coalesce(r.ended_at, r.heartbeat_at), coalesce(p.ended_at, clock_timestamp()))
                                       - greatest(r.started_at, p.started_at))), 0)::float8
  FROM pgtide.phase p
  JOIN pgtide.migration m ON m.id = p.migration_id AND m.attempt = p.attempt
  JOIN pgtide.run r ON r.migration_id = m.id
       AND coalesce(r.ended_at, r.heartbeat_at) > p.started_at
       AND r.started_at < coalesce(p.ended_at, clock_timestamp())
 WHERE m.id = %(id)s AND p.phase = 'backfill'

-- newest_event --
-- The last line of a migration's audit.
SELECT kind, detail FROM pgtide.event WHERE migration_id = %(id)s ORDER BY id DESC LIMIT 1

-- blocked_by --
-- Who keeps a run's server processes waiting, at this moment.
SELECT DISTINCT a.pid, a.usename AS "user", coalesce(nullif(a.application_name, ''), a.backend_type) AS application,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds, left(a.query, 80) AS query
  FROM pgtide.run r
  JOIN pgtide.backend b ON b.run_id = r.id
  JOIN pg_stat_activity w ON w.pid = b.pid AND w.backend_start = b.started
 CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocking (pid)
  JOIN pg_stat_activity a ON a.pid = blocking.pid
 WHERE r.migration_id = %(id)s AND r.ended_at IS NULL

-- counted --
-- How far one of a migration's counters has come; null where there is no such counter.
SELECT CASE WHEN to_regclass(%(sequence)s) IS NULL THEN NULL
            ELSE coalesce(pg_sequence_last_value(to_regclass(%(sequence)s)), 0) END

-- attempt_began --
-- When the present attempt began its first phase.
SELECT min(p.started_at) FROM pgtide.phase p
  JOIN pgtide.migration m ON m.id = p.migration_id AND m.attempt = p.attempt WHERE m.id = %(id)s

-- archived --
-- How many rows of the present attempt have values in the archive.
SELECT count(*) FROM pgtide.archive a
  JOIN pgtide.migration m ON m.id = a.migration_id AND m.attempt = a.attempt WHERE m.id = %(id)s

-- now --
-- The database's clock.
SELECT clock_timestamp()
