-- marks --
-- What is kept with a column. Attributes that came with later versions are read as JSON, so that older servers answer
-- too; since 17 a statistics target of NULL is the default.
SELECT a.attname AS name, pg_get_expr(d.adbin, d.adrelid) AS "default", col_description(a.attrelid, a.attnum) AS comment,
       a.attnotnull AS not_null,
       coalesce((SELECT c.conname FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'n'
                    AND c.conkey = ARRAY[a.attnum]), '') AS not_null_name,
       coalesce(a.attstattarget, -1)::int AS statistics, coalesce(a.attoptions, '{}') AS options,
       k.words ->> a.attstorage::text AS storage, k.words ->> t.typstorage::text AS type_storage,
       CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE '' END AS compression,
       coalesce((SELECT json_agg(json_build_object('privilege', x.privilege_type,
                                 'grantee', CASE x.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(x.grantee) END,
                                 'grantable', x.is_grantable,
                                 'direct', x.grantor = (SELECT relowner FROM pg_class WHERE oid = a.attrelid))
                                 ORDER BY x.ordinality)
                   FROM aclexplode(a.attacl) WITH ORDINALITY x), '[]') AS grants,
       ARRAY(SELECT s.objid::regclass::text FROM pg_depend s JOIN pg_class c ON c.oid = s.objid AND c.relkind = 'S'
              WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass AND s.deptype = 'a'
                AND s.refobjid = a.attrelid AND s.refobjsubid = a.attnum ORDER BY 1) AS sequences
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  CROSS JOIN (VALUES ('{"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}'::json)) k (words)
 WHERE a.attrelid = %(oid)s AND NOT a.attisdropped AND a.attname = ANY (%(columns)s)

-- dependents --
-- What the catalog says depends on the numbers of these columns, one row each: of which catalog, of which kind, on which
-- columns, and on which other relation where it stands on one.
WITH d AS (
  SELECT d.classid, d.objid, d.objsubid, array_agg(DISTINCT a.attname::text ORDER BY a.attname::text) AS columns
    FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s AND a.attname = ANY (%(columns)s)
   GROUP BY d.classid, d.objid, d.objsubid)
SELECT d.classid::regclass::text AS catalog, d.objid::bigint AS oid, d.columns,
       pg_describe_object(d.classid, d.objid, d.objsubid) AS words, coalesce(t.tgname::text, '') AS name,
       coalesce(r.ev_class, p.polrelid, k.conrelid, x.adrelid, t.tgrelid, 0)::bigint AS on_relation,
       coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), '') AS relation,
       -- A kind of relation, of constraint, or the one rule that makes a view.
       CASE WHEN k.oid IS NOT NULL THEN k.contype::text WHEN r.rulename <> '_RETURN' THEN 'rule'
            ELSE coalesce(c.relkind::text, '') END AS kind,
       coalesce(k.confrelid = %(oid)s AND k.confkey && ARRAY(SELECT attnum FROM pg_attribute
                 WHERE attrelid = %(oid)s AND attname = ANY (%(columns)s)), false) AS incoming,
       coalesce((SELECT y.attname = ANY (%(columns)s) FROM pg_attribute y
                  WHERE y.attrelid = x.adrelid AND y.attnum = x.adnum), false) AS own
  FROM d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
  LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
  LEFT JOIN pg_attrdef x ON d.classid = 'pg_attrdef'::regclass AND x.oid = d.objid
  LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
  LEFT JOIN pg_class c ON c.oid = coalesce(r.ev_class, CASE d.classid WHEN 'pg_class'::regclass THEN d.objid END)
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1, pg_describe_object(d.classid, d.objid, d.objsubid) COLLATE "C"

-- policy --
-- A policy's tests.
SELECT polname AS name, pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS "check"
  FROM pg_policy WHERE oid = %(oid)s

-- trigger --
-- A trigger, as it can be made again; one that serves a constraint cannot be replaced.
SELECT tgname AS name, pg_get_triggerdef(oid) AS definition, tgenabled::text AS enabled, tgconstraint <> 0 AS deferrable,
       obj_description(oid, 'pg_trigger') AS comment, has_function_privilege(tgfoid, 'EXECUTE') AS allowed
  FROM pg_trigger WHERE oid = %(oid)s

-- function --
-- A function whose body the server has bound.
SELECT pg_get_functiondef(oid) AS definition,
       pg_has_role(proowner, 'USAGE') AND has_schema_privilege(pronamespace, 'CREATE') AS allowed
  FROM pg_proc WHERE oid = %(oid)s

-- publication --
-- What a publication tells of a table: its columns, where it names them, and its row filter.
SELECT b.pubname AS name, p.filter,
       CASE WHEN to_jsonb(r) ->> 'prattrs' IS NOT NULL THEN p.columns END AS columns,
       pg_has_role(b.pubowner, 'USAGE') AS allowed
  FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid
  CROSS JOIN LATERAL (SELECT to_jsonb(t) -> 'attnames' AS columns, to_jsonb(t) ->> 'rowfilter' AS filter
                        FROM pg_publication_tables t JOIN pg_class c ON c.oid = r.prrelid
                        JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE t.pubname = b.pubname AND t.schemaname = n.nspname AND t.tablename = c.relname) p
 WHERE r.oid = %(oid)s

-- clustered --
-- The index that the table was last put in order by, where it reads one of these columns.
SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = %(oid)s AND i.indisclustered
   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                  AND a.attname = ANY (%(columns)s))

-- stuck --
-- What no statement can give to another column, in words.
WITH a AS (SELECT * FROM pg_attribute WHERE attrelid = %(oid)s AND NOT attisdropped AND attname = ANY (%(columns)s))
SELECT 'the identity column ' || a.attname AS words FROM a WHERE a.attidentity <> ''
UNION ALL
SELECT format('the security label on column %%s', a.attname) FROM a JOIN pg_seclabel l
    ON l.classoid = 'pg_class'::regclass AND l.objoid = a.attrelid AND l.objsubid = a.attnum
UNION ALL
SELECT format('the index %%s, which is the replica identity', i.indexrelid::regclass)
  FROM pg_index i WHERE i.indrelid = %(oid)s AND i.indisreplident
   AND EXISTS (SELECT FROM a WHERE a.attnum = ANY (i.indkey))
UNION ALL
SELECT format('the column %%I of %%s, which holds whole rows of the table', u.attname, u.attrelid::regclass)
  FROM pg_attribute u JOIN pg_class c ON c.oid = u.attrelid AND c.relkind IN ('r', 'p', 'm', 'f')
  JOIN pg_type t ON t.oid = u.atttypid
 WHERE NOT u.attisdropped AND EXISTS (SELECT FROM a)
   AND (SELECT w.reltype FROM pg_class w WHERE w.oid = %(oid)s) IN (t.oid, t.typelem, t.typbasetype)
 ORDER BY 1
