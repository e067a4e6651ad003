-- kept --
-- Whether the ledger has a quarantine: one of an older pgtide has none.
SELECT to_regclass('pgtide.quarantine') IS NOT NULL

-- held_rows --
-- The rows in quarantine, in the order in which they came.
SELECT id, table_oid::bigint AS table_oid, key, key::text AS key_text, place::text AS place, version::text AS version, filenode, sqlstate, reason,
       tries, at, tried_at
  FROM pgtide.quarantine WHERE migration_id = %(id)s AND attempt = %(attempt)s AND left_at IS NULL ORDER BY id

-- count_held --
-- How many rows are in quarantine.
SELECT count(*) FROM pgtide.quarantine WHERE migration_id = %(id)s AND attempt = %(attempt)s AND left_at IS NULL

-- held_places --
-- Where the rows in quarantine stand in a file; another's is another file.
SELECT place::text AS place FROM pgtide.quarantine
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND left_at IS NULL AND filenode = %(filenode)s

-- held_reasons --
-- Why rows are in quarantine, the most frequent reason first.
SELECT sqlstate, reason, count(*) AS rows FROM pgtide.quarantine
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND left_at IS NULL
 GROUP BY sqlstate, reason ORDER BY count(*) DESC, sqlstate, reason

-- filled_rows --
-- How many rows the backfill has filled, of those that it had to.
SELECT coalesce(sum(rows), 0)::bigint FROM pgtide.slice
 WHERE migration_id = %(id)s AND attempt = %(attempt)s AND kind <> 'archive'

-- count_refilled --
-- A row that was filled out of quarantine counts with the walk's.
UPDATE pgtide.slice SET rows = rows + 1
 WHERE id = (SELECT max(s.id) FROM pgtide.slice s JOIN pgtide.quarantine q USING (migration_id, attempt)
              WHERE q.id = %(row)s AND s.kind = 'walk')

-- move_row --
-- Note where the newest version of a row in quarantine stands, and that it is no better.
UPDATE pgtide.quarantine
   SET place = %(place)s::tid, version = %(version)s::xid, filenode = %(filenode)s, sqlstate = %(sqlstate)s,
       reason = %(reason)s, tries = tries + 1, tried_at = clock_timestamp()
 WHERE id = %(row)s AND left_at IS NULL

-- release_row --
-- A row leaves quarantine.
UPDATE pgtide.quarantine SET left_at = clock_timestamp(), left_as = %(as)s WHERE id = %(row)s AND left_at IS NULL
