-- there --
-- Whether the ledger has backups: one of an older pgtide has none until it is upgraded.
SELECT to_regclass('pgtide.backup') IS NOT NULL

-- only_one --
-- Keep other backups of this database away: "pgtb" in ASCII, and no table.
SELECT pg_try_advisory_lock(1885828194, 0)

-- begin --
-- Write a backup down before anything of it exists.
INSERT INTO pgtide.backup (migration_id, attempt, actor, host, table_schema, table_name, directory, server_version,
                           client_version, scratch, scratch_place)
VALUES (%(migration_id)s, %(attempt)s, %(actor)s, %(host)s, %(table_schema)s, %(table_name)s, %(directory)s,
        %(server_version)s, %(client_version)s, %(scratch)s, %(scratch_place)s)
RETURNING id

-- old_shape --
-- Whether all of the old shape is there still: no step that drops anything for good has committed.
SELECT NOT EXISTS (SELECT FROM pgtide.step s
                    WHERE s.migration_id = %(id)s AND s.state = 'done'
                      AND (s.irreversible <> '' OR (%(replaces)s AND s.phase = 'purge')))

-- taken --
-- Both files are whole.
UPDATE pgtide.backup
   SET state = 'taken', files = %(files)s::jsonb, rows = %(rows)s, hashes = %(hashes)s, old_shape = %(old_shape)s
 WHERE id = %(id)s

-- passed --
-- The restored table had the same content.
UPDATE pgtide.backup SET state = 'passed', restore_seconds = %(seconds)s, ended_at = clock_timestamp()
 WHERE id = %(id)s AND state = 'taken'

-- failed --
-- It is no backup, and why.
UPDATE pgtide.backup SET state = 'failed', error = %(error)s, ended_at = clock_timestamp()
 WHERE id = %(id)s AND state IN ('taking', 'taken')

-- removed --
-- Retention has removed the files.
UPDATE pgtide.backup SET removed_at = clock_timestamp() WHERE id = %(id)s

-- unfinished --
-- Backups that a run left in the middle.
SELECT * FROM pgtide.backup WHERE state IN ('taking', 'taken') ORDER BY id

-- standing --
-- Backups of a migration that passed and are still there, the newest first.
SELECT * FROM pgtide.backup WHERE migration_id = %(id)s AND state = 'passed' AND removed_at IS NULL ORDER BY id DESC

-- before_purge --
-- The backups of an attempt that passed and are still there, as young as contract wants them, or younger: all of the old
-- shape first, then the newest.
SELECT b.* FROM pgtide.backup b
  JOIN pgtide.phase p ON p.migration_id = b.migration_id AND p.attempt = b.attempt AND p.phase = 'contract'
 WHERE b.migration_id = %(id)s AND b.attempt = %(attempt)s AND b.state = 'passed' AND b.removed_at IS NULL
   AND b.taken_at > p.started_at - make_interval(secs => %(seconds)s)
 ORDER BY b.old_shape DESC, b.id DESC

-- fresh --
-- The newest backup of an attempt that passed, is not too old, and lies on this machine.
SELECT * FROM pgtide.backup
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND state = 'passed' AND removed_at IS NULL AND host = %(host)s
   AND taken_at > clock_timestamp() - make_interval(secs => %(seconds)s)
 ORDER BY id DESC LIMIT 1

-- newest --
-- The newest backup of a migration, whatever became of it, with its age by the database's clock.
SELECT b.*, extract(epoch FROM clock_timestamp() - b.taken_at)::float8 AS age_seconds
  FROM pgtide.backup b WHERE b.migration_id = %(id)s ORDER BY b.id DESC LIMIT 1

-- end_clients --
-- End the client programs that a killed run of a backup left behind.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = %(application)s AND usename = current_user AND pid <> pg_backend_pid()

-- identity --
-- Which database this is: no other has its number on a server that started at that moment.
SELECT d.oid, pg_postmaster_start_time() AS started FROM pg_database d WHERE d.datname = current_database()

-- may_create_database --
-- Whether this role may create a database.
SELECT r.rolname AS role, r.rolcreatedb OR r.rolsuper AS may FROM pg_roles r WHERE r.rolname = current_user

-- locale --
-- How this database writes and sorts; the columns of later versions are null on older ones.
SELECT pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS "collate", d.datctype AS ctype,
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale
  FROM pg_database d WHERE d.datname = current_database()

-- occupants --
-- What an empty database does not have, by name.
WITH ours AS (SELECT n.oid, n.nspname FROM pg_namespace n
               WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)')
SELECT found.name FROM (
    SELECT quote_ident(o.nspname) || '.' || quote_ident(c.relname) AS name, c.oid, 'pg_class'::regclass AS class
      FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
    UNION ALL SELECT quote_ident(o.nspname) || '.' || quote_ident(p.proname) || '()', p.oid, 'pg_proc'::regclass
      FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace
    UNION ALL SELECT quote_ident(o.nspname) || '.' || quote_ident(t.typname), t.oid, 'pg_type'::regclass
      FROM pg_type t JOIN ours o ON o.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
    UNION ALL SELECT 'schema ' || quote_ident(o.nspname), o.oid, 'pg_namespace'::regclass FROM ours o WHERE o.nspname <> 'public'
) AS found
 WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = found.class AND d.objid = found.oid AND d.deptype = 'e')
 ORDER BY found.name LIMIT 3
