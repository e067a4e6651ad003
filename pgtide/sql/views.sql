-- view --
-- A view, as it can be made again in place.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, pg_get_viewdef(c.oid) AS definition,
       coalesce(array_to_string(c.reloptions, ', '), '') AS options, pg_get_userbyid(c.relowner) AS owner,
       pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(c.relnamespace, 'CREATE') AS allowed
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %(oid)s

-- tower --
-- These views and all that stand on them, each after those it stands on.
WITH RECURSIVE tower (oid, level) AS (
  SELECT unnest(%(oids)s::oid[]), 0
  UNION ALL
  SELECT r.ev_class, t.level + 1
    FROM tower t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
     AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> t.oid AND r.rulename = '_RETURN'
    JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v')
SELECT t.oid::bigint AS oid FROM tower t GROUP BY t.oid ORDER BY max(t.level), t.oid::regclass::text COLLATE "C"

-- hangers --
-- What would go with a view, or keeps it, and is no other view of the tower; in words.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS words
  FROM pg_class v JOIN pg_type y ON y.oid = v.reltype
  JOIN pg_depend d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid)
                   OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray))
  LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
  LEFT JOIN pg_attrdef x ON d.classid = 'pg_attrdef'::regclass AND x.oid = d.objid
 WHERE v.oid = %(oid)s
   AND (r.oid IS NULL OR r.rulename <> '_RETURN' OR r.ev_class <> ALL (%(tower)s::oid[]))
   AND t.tgrelid IS DISTINCT FROM v.oid AND x.adrelid IS DISTINCT FROM v.oid
   AND NOT (d.classid = 'pg_type'::regclass AND d.objid IN (y.oid, y.typarray))
UNION
SELECT 'the security label on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid)
  FROM pg_seclabel l WHERE l.classoid = 'pg_class'::regclass AND l.objoid = %(oid)s
UNION
SELECT pg_describe_object(e.refclassid, e.refobjid, 0) FROM pg_depend e
 WHERE e.classid = 'pg_class'::regclass AND e.objid = %(oid)s AND e.deptype = 'e'
 ORDER BY 1

-- belongings --
-- The statements that give a view made anew what it had: owner, defaults, privileges, comments, triggers. What default
-- privileges have given to it meanwhile is taken first.
WITH v AS (
  SELECT c.oid, c.relowner, c.relacl, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
         (SELECT coalesce(string_agg(DISTINCT ', ' || quote_ident(pg_get_userbyid(x.grantee)), ''), '')
            FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) x
           WHERE d.defaclobjtype = 'r' AND d.defaclnamespace IN (0, n.oid) AND x.grantee <> 0) AS others
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %(oid)s),
acl AS (
  SELECT '' AS columns, x.* FROM v CROSS JOIN LATERAL aclexplode(coalesce(v.relacl, acldefault('r', v.relowner))) x
  UNION ALL
  SELECT format(' (%%I)', a.attname), x.* FROM v JOIN pg_attribute a ON a.attrelid = v.oid AND NOT a.attisdropped
   CROSS JOIN LATERAL aclexplode(a.attacl) x)
SELECT statement FROM (
  SELECT 1 AS place, format('ALTER VIEW %%s OWNER TO %%I', v.name, pg_get_userbyid(v.relowner)) AS statement FROM v
  UNION ALL
  SELECT 2, format('ALTER VIEW %%s ALTER %%I SET DEFAULT %%s', v.name, a.attname, pg_get_expr(d.adbin, d.adrelid))
    FROM v JOIN pg_attrdef d ON d.adrelid = v.oid JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.adnum
  UNION ALL
  SELECT 3, format('REVOKE ALL ON %%s FROM PUBLIC, %%I%%s', v.name, pg_get_userbyid(v.relowner), v.others) FROM v
  UNION ALL
  SELECT 4, format('GRANT %%s%%s ON %%s TO %%s%%s', acl.privilege_type, acl.columns, v.name,
                   CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,
                   CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM v CROSS JOIN acl
  UNION ALL
  SELECT 5, CASE d.objsubid WHEN 0 THEN format('COMMENT ON VIEW %%s IS %%L', v.name, d.description)
            ELSE format('COMMENT ON COLUMN %%s.%%I IS %%L', v.name, a.attname, d.description) END
    FROM v JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = v.oid
    LEFT JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.objsubid
  UNION ALL
  SELECT 6, pg_get_triggerdef(t.oid) FROM v JOIN pg_trigger t ON t.tgrelid = v.oid AND NOT t.tgisinternal
  UNION ALL
  SELECT 7, format('COMMENT ON TRIGGER %%I ON %%s IS %%L', t.tgname, v.name, obj_description(t.oid, 'pg_trigger'))
    FROM v JOIN pg_trigger t ON t.tgrelid = v.oid AND obj_description(t.oid, 'pg_trigger') IS NOT NULL) s
 ORDER BY place, statement COLLATE "C"
