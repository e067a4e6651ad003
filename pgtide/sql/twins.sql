-- indexes --
-- The indexes that read one of these columns, as a key, in an expression or in the predicate, with the constraint that
-- one may serve. `head` is how the server begins the definition.
SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition, i.indisunique AS "unique", i.indisvalid AS valid,
       format('CREATE %%sINDEX %%I ON %%I.%%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
              c.relname, tn.nspname, t.relname) AS head,
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
       CASE WHEN c.connoinherit THEN ' NO INHERIT' ELSE '' END AS suffix
  FROM pg_attribute a
  LEFT JOIN pg_constraint c ON c.conrelid = a.attrelid AND c.contype = 'n' AND c.conkey = ARRAY[a.attnum]
 WHERE a.attrelid = %(oid)s AND a.attname = ANY (%(columns)s::text[]) AND a.attnotnull
 ORDER BY a.attnum
