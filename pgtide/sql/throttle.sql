-- wal_position --
-- How far the server has written WAL, in bytes from its beginning.
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS written

-- replicas --
-- Physical replicas as the primary sees them; a role without pg_read_all_stats sees that there are some, and no more.
-- What receives WAL and replays none (pg_receivewal, a backup) is no replica.
SELECT coalesce(s.slot_name::text, r.application_name) AS name, r.state IS NULL AS hidden,
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS written,
       pg_wal_lsn_diff(r.replay_lsn, '0/0')::float8 AS replayed
  FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
 WHERE s.slot_type IS DISTINCT FROM 'logical' AND (r.state IS NULL OR r.replay_lsn IS NOT NULL)

-- archiver --
-- Whether the archive fails: a failure newer than the last success, and since when there was no success.
SELECT last_failed_wal AS file,
       extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset))::float8 AS seconds
  FROM pg_stat_archiver
 WHERE current_setting('archive_mode') <> 'off'
   AND last_failed_time > coalesce(last_archived_time, '-infinity')

-- archive_ready --
-- How many finished WAL files wait for the archive; needs pg_monitor.
SELECT count(*)::int AS files FROM pg_ls_archive_statusdir() WHERE name LIKE '%%.ready'

-- slots --
-- What the server keeps for each replication slot, and what is left until it may drop it.
SELECT slot_name::text AS name, active, wal_status, safe_wal_size::float8 AS safe,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS kept
  FROM pg_replication_slots
 WHERE restart_lsn IS NOT NULL OR wal_status = 'lost'

-- vacuums --
-- Vacuums at work on the table, its leaves or their TOAST tables; where a role may not read what a worker does, the
-- table's age says whether it prevents wraparound.
SELECT v.pid, l.relation::regclass::text AS table,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds,
       CASE WHEN a.query = '<insufficient privilege>'
            THEN age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::int
            ELSE a.query LIKE '%%(to prevent wraparound)%%' END AS wraparound
  FROM pg_stat_progress_vacuum v
  JOIN pg_stat_activity a USING (pid)
  JOIN pg_locks l ON l.pid = v.pid AND l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  JOIN pg_class c ON c.oid = l.relation
  JOIN (SELECT %(oid)s::oid AS oid UNION SELECT relid FROM pg_partition_tree(%(oid)s::oid::regclass)) AS walked
    ON walked.oid = c.oid OR c.oid = (SELECT reltoastrelid FROM pg_class WHERE oid = walked.oid)

-- horizon --
-- Who keeps dead rows alive: sessions and prepared transactions with their age, slots and replicas with what they pin.
SELECT * FROM (
  SELECT format('pid %%s (%%s)', a.pid, concat_ws(', ', a.usename, nullif(a.application_name, ''), a.state)) AS who,
         extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds, NULL AS pinned
    FROM pg_stat_activity a
   WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.xact_start IS NOT NULL
     AND a.datname = current_database() AND a.pid <> pg_backend_pid()
     AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
   ORDER BY a.xact_start LIMIT 1) AS session
UNION ALL
SELECT format('prepared transaction %%L (%%s)', gid, owner),
       extract(epoch FROM clock_timestamp() - prepared)::float8, NULL
  FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT format('slot %%s', slot_name), NULL, xmin::text FROM pg_replication_slots WHERE xmin IS NOT NULL
UNION ALL
SELECT format('feedback of replica %%s', application_name), NULL, backend_xmin::text
  FROM pg_stat_replication WHERE backend_xmin IS NOT NULL

-- lock_waiters --
-- Sessions that have waited for a second for a lock on the table or its leaves, or for one of the run's own batches.
SELECT l.pid, coalesce(nullif(a.application_name, ''), a.usename, 'unnamed') AS application,
       extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS seconds
  FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
 WHERE NOT l.granted AND l.waitstart < clock_timestamp() - interval '1 s'
   AND coalesce(a.application_name, '') NOT LIKE 'pgtide %%'
   AND (l.relation IN (SELECT %(oid)s::oid UNION SELECT relid FROM pg_partition_tree(%(oid)s::oid::regclass))
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        OR pg_blocking_pids(l.pid) && ARRAY (SELECT b.pid FROM pgtide.backend b WHERE b.run_id = %(run)s))
 ORDER BY l.waitstart

-- connections --
-- How many of the connections that are open to all are taken.
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int AS taken,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) AS most

-- active_sessions --
-- How many clients are at work, other than pgtide, and how many this role may not see.
SELECT count(*) FILTER (WHERE state <> 'idle')::int AS active,
       count(*) FILTER (WHERE query = '<insufficient privilege>')::int AS hidden
  FROM pg_stat_activity
 WHERE (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL)
   AND application_name NOT LIKE 'pgtide %%'

-- data_directory --
-- Where the server keeps its data, when it was started, to tell it from another, and the tablespaces elsewhere of the
-- table, its leaves, their indexes and their TOAST tables; needs pg_read_all_settings.
WITH heap AS (
    SELECT %(oid)s::oid AS oid UNION SELECT relid FROM pg_partition_tree(%(oid)s::oid::regclass)
), stored AS (
    SELECT oid FROM heap UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM heap)
    UNION ALL SELECT reltoastrelid FROM pg_class WHERE oid IN (SELECT oid FROM heap)
)
SELECT current_setting('data_directory') AS directory,
       extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
       array_remove(array_agg(DISTINCT pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), d.dattablespace))), '')
           AS tablespaces
  FROM stored JOIN pg_class c USING (oid), pg_database d
 WHERE d.datname = current_database()

-- growth --
-- How much the database has grown since the attempt's first batch.
SELECT (pg_database_size(current_database()) - coalesce(t.base, pg_database_size(current_database())))::float8 AS bytes
  FROM (SELECT max(base) AS base FROM pgtide.throttle
         WHERE migration_id = %(id)s AND attempt = %(attempt)s AND signal = 'disk_limit') AS t

-- keep_base --
-- Remember how big the database was when the attempt's backfill began.
INSERT INTO pgtide.throttle (migration_id, attempt, signal, base)
VALUES (%(id)s, %(attempt)s, 'disk_limit', pg_database_size(current_database()))
ON CONFLICT (migration_id, attempt, signal) DO UPDATE SET base = coalesce(throttle.base, excluded.base)

-- begin_hold --
-- Note that a signal holds. Whoever notes it adds the time since it was last noted, by anybody: two processes that hold
-- for one reason count it once, and the time after a kill does not count.
INSERT INTO pgtide.throttle AS t (migration_id, attempt, signal, held_since, seen_at, reason, value, "limit", holds)
SELECT m.id, m.attempt, %(signal)s, statement_timestamp(), statement_timestamp(), %(reason)s, %(value)s, %(limit)s, 1
  FROM pgtide.migration m WHERE m.id = %(id)s AND m.attempt = %(attempt)s AND m.token = %(token)s
ON CONFLICT (migration_id, attempt, signal) DO UPDATE
   SET held_since = coalesce(t.held_since, excluded.held_since), seen_at = excluded.seen_at,
       reason = excluded.reason, value = excluded.value, "limit" = excluded."limit",
       holds = t.holds + (t.held_since IS NULL)::int,
       seconds = t.seconds + CASE WHEN t.held_since IS NULL THEN 0
                                  ELSE extract(epoch FROM least(excluded.seen_at - t.seen_at, interval '5 s')) END
RETURNING held_since = seen_at AS begun

-- end_hold --
-- Note that a signal holds no more; a row comes back where it did, and the caller is of the newest run.
UPDATE pgtide.throttle t
   SET held_since = NULL, seen_at = clock_timestamp(),
       seconds = t.seconds + extract(epoch FROM least(clock_timestamp() - t.seen_at, interval '5 s'))
  FROM pgtide.migration m
 WHERE m.id = %(id)s AND m.token = %(token)s AND t.migration_id = m.id AND t.attempt = %(attempt)s
   AND t.signal = %(signal)s AND t.held_since IS NOT NULL
RETURNING t.signal

-- forget_holds --
-- A process that was killed while it was held said nothing of its end.
UPDATE pgtide.throttle SET held_since = NULL
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND held_since IS NOT NULL
   AND seen_at < clock_timestamp() - interval '5 s'

-- forget_all_holds --
-- A run begins, and nobody is at work: whoever was held has gone.
UPDATE pgtide.throttle SET held_since = NULL WHERE migration_id = %(id)s AND held_since IS NOT NULL

-- kept --
-- Whether this ledger knows of the throttle yet: status reads one that no newer run has brought up to date.
SELECT to_regclass('pgtide.throttle')::text

-- throttled --
-- What has held the present attempt back, and what does now; a hold that nobody has noted of late is a dead process's.
SELECT t.signal, t.seconds, t.holds, t.reason, t.value, t."limit",
       CASE WHEN t.seen_at > clock_timestamp() - make_interval(secs => %(lease)s) THEN t.held_since END AS held_since
  FROM pgtide.throttle t JOIN pgtide.migration m ON m.id = t.migration_id AND m.attempt = t.attempt
 WHERE m.id = %(id)s AND t.holds > 0 ORDER BY t.seconds DESC, t.signal
