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
                                 'grantable', x.is_grantable)
                                 ORDER BY x.grantee, x.privilege_type)
                   FROM aclexplode(a.attacl) x), '[]') AS grants,
       ARRAY(SELECT s.objid::regclass::text FROM pg_depend s JOIN pg_class c ON c.oid = s.objid AND c.relkind = 'S'
              WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass AND s.deptype = 'a'
                AND s.refobjid = a.attrelid AND s.refobjsubid = a.attnum ORDER BY 1) AS sequences
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  CROSS JOIN (VALUES ('{"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}'::json)) k (words)
 WHERE a.attrelid = %(oid)s AND NOT a.attisdropped AND a.attname = ANY (%(columns)s)
