-- indexes --
-- The indexes that read one of these columns, as a key, in an expression or in the predicate, with the constraint that
-- one may serve. `head` is how the server begins the definition.
SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS text, i.indisunique AS "unique", i.indisvalid AS valid,
       pg_get_indexdef(i.indexrelid) || coalesce('; ' || pg_get_constraintdef(k.oid), '') AS definition,
       format('CREATE %%sINDEX %%I ON %%s%%I.%%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
              c.relname, CASE t.relkind WHEN 'p' THEN 'ONLY ' ELSE '' END, tn.nspname, t.relname) AS head,
       coalesce((SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace), '') AS tablespace,
       coalesce(k.contype::text, '') AS constraint_type,
       CASE WHEN to_jsonb(k) ->> 'conperiod' = 'true' THEN true ELSE false END AS period,
       CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
         || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS deferral,
       coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(i.indexrelid, 'pg_class')) AS comment
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = %(oid)s
   AND EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = i.indrelid AND a.attname = ANY (%(columns)s::text[])
                  AND (a.attnum = ANY (i.indkey)
                       OR EXISTS (SELECT FROM pg_depend d
                                   WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                                     AND d.refobjsubid = a.attnum)))
 ORDER BY c.relname COLLATE "C"

-- trial_index --
-- How the server writes the trial index, and its predicate.
SELECT pg_get_indexdef(indexrelid) AS definition, pg_get_expr(indpred, indrelid) AS predicate
  FROM pg_index WHERE indexrelid = 'pg_temp.pgtide_index'::regclass

-- not_null --
-- Which of these columns are NOT NULL, and by which constraint: it has been one of its own since 18.
SELECT a.attname AS column, c.conname AS name, obj_description(c.oid, 'pg_constraint') AS comment,
       'NOT NULL ' || quote_ident(a.attname) AS definition,
       CASE WHEN c.connoinherit THEN ' NO INHERIT' ELSE '' END AS suffix,
       -- Where a partition calls its own otherwise, the server renames none of them: the new one has a name to keep.
       CASE WHEN EXISTS (WITH RECURSIVE tree AS (
                           SELECT a.attrelid AS part
                           UNION ALL
                           SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.part)
                         SELECT FROM tree JOIN pg_attribute p ON p.attrelid = tree.part AND p.attname = a.attname
                           JOIN pg_constraint o ON o.conrelid = p.attrelid AND o.contype = 'n' AND o.conkey = ARRAY[p.attnum]
                          WHERE o.conname <> c.conname) THEN left(c.conname, 61) || '_2' ELSE '' END AS keeps
  FROM pg_attribute a
  LEFT JOIN pg_constraint c ON c.conrelid = a.attrelid AND c.contype = 'n' AND c.conkey = ARRAY[a.attnum]
 WHERE a.attrelid = %(oid)s AND a.attname = ANY (%(columns)s::text[]) AND a.attnotnull
 ORDER BY a.attnum

-- checks --
-- The CHECK constraints that read one of these columns.
SELECT c.conname AS name, pg_get_constraintdef(c.oid) AS definition, c.convalidated AS validated,
       obj_description(c.oid, 'pg_constraint') AS comment
  FROM pg_constraint c
 WHERE c.conrelid = %(oid)s AND c.contype = 'c'
   AND EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname = ANY (%(columns)s::text[]))
 ORDER BY c.conname COLLATE "C"

-- trial_constraint --
-- How the server writes the trial table's one constraint beside NOT NULL, and what it tests where it is enforced.
SELECT pg_get_constraintdef(oid) AS definition,
       CASE WHEN coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'true'
            THEN pg_get_expr(conbin, conrelid) ELSE '' END AS test
  FROM pg_constraint c
 WHERE conrelid = 'pg_temp.pgtide_trial'::regclass AND contype <> 'n'

-- foreign_keys --
-- The foreign keys of these columns, as the server would write them for the new ones (`twin`), without their last word
-- on validation. A key with PERIOD has none.
SELECT c.conname AS name, pg_get_constraintdef(c.oid) AS definition, c.convalidated AS validated,
       obj_description(c.oid, 'pg_constraint') AS comment, c.confrelid::regclass::text AS parent,
       coalesce(to_jsonb(c) ->> 'conperiod', 'false') = 'true' AS period, own.news AS columns, theirs.keys AS keys,
       theirs.allowed AS allowed,
       format('FOREIGN KEY (%%s) REFERENCES %%s(%%s)', own.listed, c.confrelid::regclass, theirs.listed)
         || CASE c.confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END
         || CASE c.confupdtype WHEN 'r' THEN ' ON UPDATE RESTRICT' WHEN 'c' THEN ' ON UPDATE CASCADE'
                               WHEN 'n' THEN ' ON UPDATE SET NULL' WHEN 'd' THEN ' ON UPDATE SET DEFAULT' ELSE '' END
         || CASE c.confdeltype WHEN 'r' THEN ' ON DELETE RESTRICT' WHEN 'c' THEN ' ON DELETE CASCADE'
                               WHEN 'n' THEN ' ON DELETE SET NULL' WHEN 'd' THEN ' ON DELETE SET DEFAULT' ELSE '' END
         || coalesce(' (' || cleared.listed || ')', '')
         || CASE WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END
         || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
         || CASE to_jsonb(c) ->> 'conenforced' WHEN 'false' THEN ' NOT ENFORCED' ELSE '' END AS twin,
       coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'true' AS enforced
  FROM pg_constraint c
  CROSS JOIN LATERAL (
       SELECT string_agg(quote_ident(coalesce(m.new, a.attname)), ', ' ORDER BY k.n) AS listed,
              array_agg(coalesce(m.new, a.attname)::text ORDER BY k.n) AS news, count(m.new) AS moved
         FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, n)
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
         LEFT JOIN unnest(%(columns)s::text[], %(news)s::text[]) AS m (old, new) ON m.old = a.attname) own
  CROSS JOIN LATERAL (
       SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n) AS listed,
              json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                       ORDER BY k.n) AS keys,
              bool_and(has_column_privilege(c.confrelid, a.attnum, 'REFERENCES')) AS allowed
         FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, n)
         JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum) theirs
  CROSS JOIN LATERAL (
       SELECT string_agg(quote_ident(coalesce(m.new, a.attname)), ', ' ORDER BY k.n) AS listed
         FROM jsonb_array_elements_text(CASE jsonb_typeof(to_jsonb(c) -> 'confdelsetcols')
                                        WHEN 'array' THEN to_jsonb(c) -> 'confdelsetcols' ELSE '[]' END)
              WITH ORDINALITY AS k (attnum, n)
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum::int
         LEFT JOIN unnest(%(columns)s::text[], %(news)s::text[]) AS m (old, new) ON m.old = a.attname) cleared
 WHERE c.conrelid = %(oid)s AND c.contype = 'f' AND own.moved > 0
   -- One to a partitioned table has others of its own, to each partition.
   AND c.conparentid = 0
 ORDER BY c.conname COLLATE "C"

-- statistics --
-- The extended statistics about one of these columns. Expressions need no kind; it is left out.
SELECT s.stxname AS name, n.nspname AS schema, pg_get_statisticsobjdef(s.oid) AS definition,
       pg_get_statisticsobjdef_columns(s.oid) AS on, nullif(s.stxstattarget, -1) AS target,
       coalesce((SELECT string_agg(CASE k.kind WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies'
                                               ELSE 'mcv' END, ', ')
                   FROM unnest(s.stxkind) AS k (kind) WHERE k.kind <> 'e'), '') AS kinds,
       obj_description(s.oid, 'pg_statistic_ext') AS comment
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
 WHERE s.stxrelid = %(oid)s
   AND EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = s.stxrelid AND a.attname = ANY (%(columns)s::text[])
                  AND (a.attnum = ANY (s.stxkeys)
                       OR EXISTS (SELECT FROM pg_depend d
                                   WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
                                     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.stxrelid
                                     AND d.refobjsubid = a.attnum)))
 ORDER BY s.stxname COLLATE "C"

-- trial_statistics --
-- What the trial statistics are about, as the server writes it.
SELECT pg_get_statisticsobjdef_columns(oid) AS on FROM pg_statistic_ext
 WHERE stxrelid = 'pg_temp.pgtide_trial'::regclass

-- settings --
-- What was set for these columns by ALTER TABLE and is not the default; what the old type has from itself is not set.
SELECT a.attname AS column, nullif(a.attstattarget, -1) AS target, coalesce(array_to_string(a.attoptions, ', '), '') AS options,
       CASE WHEN a.attstorage = t.typstorage THEN ''
            ELSE CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
            END AS storage,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE '' END AS compression
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %(oid)s AND a.attname = ANY (%(columns)s::text[])
 ORDER BY a.attnum

-- type_takes_storage --
-- Whether values of a type may be stored elsewhere or compressed at all.
SELECT typstorage <> 'p' FROM pg_type WHERE oid = %(type)s::regtype
