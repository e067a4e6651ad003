-- known --
-- Whether this ledger's functions can tell: it may not be up to date yet.
SELECT to_regproc('pgtide.undo_hanging') IS NOT NULL

-- keep --
-- Note what hangs on the swapped columns.
UPDATE pgtide.step s SET hanging = (SELECT jsonb_object_agg(what, content) FROM pgtide.undo_hanging(m))
  FROM pgtide.migration m
 WHERE m.id = %(id)s AND s.migration_id = m.id AND s.attempt = %(attempt)s AND s.name = %(name)s

-- touched --
-- What was dropped or changed since contract, as it was.
SELECT pgtide.undo_touched(m) AS line FROM pgtide.migration m WHERE m.id = %(id)s

-- obstacles --
-- What came since and keeps an undo from its end.
SELECT pgtide.undo_obstacles(m, %(whole)s) AS line FROM pgtide.migration m WHERE m.id = %(id)s

-- along --
-- What goes with the new columns, and nobody asked for.
SELECT pgtide.undo_along(m) AS line FROM pgtide.migration m WHERE m.id = %(id)s

-- on_columns --
-- What others have hung on these columns.
SELECT format('%%s on %%s: %%s', d.what, d.columns, d.content) AS line
  FROM pgtide.migration m CROSS JOIN LATERAL pgtide.undo_dependents(m, %(columns)s::text[]) d
 WHERE m.id = %(id)s ORDER BY d.what COLLATE "C"
