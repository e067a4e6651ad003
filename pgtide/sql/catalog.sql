-- relation --
-- What stands under a table's name, whatever kind it is.
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, c.relpersistence::text AS persistence,
       c.relrowsecurity AS rls, c.relforcerowsecurity AS rls_forced, c.relispartition AS leaf,
       c.relreplident::text AS replica_identity, c.relhassubclass AS has_children,
       pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner,
       EXISTS (SELECT FROM pg_publication_tables p JOIN pg_publication b USING (pubname)
                WHERE p.schemaname = %(schema)s AND p.tablename = %(name)s AND b.pubupdate) AS published,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_primary_key,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AS inherits
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s

-- columns --
-- The columns of a table. A type is comparable where what is equal is also identical, as B-tree deduplication asks:
-- not so numeric (1.0 and 1.00), interval (a month and 30 days), nor text under a nondeterministic collation.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       a.attgenerated <> '' AS generated, pg_get_expr(d.adbin, d.adrelid) AS "default",
       (a.attcollation = 0 OR EXISTS (SELECT FROM pg_collation co WHERE co.oid = a.attcollation AND co.collisdeterministic))
       AND EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
                     JOIN pg_amproc e ON e.amprocfamily = o.opcfamily AND e.amproclefttype = o.opcintype
                                     AND e.amprocrighttype = o.opcintype AND e.amprocnum = 4
                    WHERE m.amname = 'btree' AND o.opcdefault AND o.opcnamespace = 'pg_catalog'::regnamespace
                      AND o.opcintype <> 'interval'::regtype
                      AND (o.opcintype = u.unit
                           OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = u.unit
                                         AND k.casttarget = o.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i'
                                         AND u.namespace = 'pg_catalog'::regnamespace)
                           OR (o.opcintype = 'anyenum'::regtype AND u.kind = 'e'))) AS comparable,
       CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
            THEN (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                    FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                   WHERE co.oid = a.attcollation) END AS collation,
       coalesce((SELECT json_agg(json_build_object('privilege', x.privilege_type,
                                 'grantee', CASE x.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(x.grantee) END,
                                 'grantable', x.is_grantable)
                                 ORDER BY x.grantee, x.privilege_type)
                   FROM aclexplode(a.attacl) x), '[]') AS grants
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
  CROSS JOIN LATERAL (SELECT coalesce((SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = b.oid),
                                      CASE WHEN b.typcategory = 'A' THEN nullif(b.typelem, 0) END, b.oid) AS oid) v
  JOIN LATERAL (SELECT w.oid AS unit, w.typtype AS kind, w.typnamespace AS namespace
                  FROM pg_type w WHERE w.oid = v.oid) u ON true
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- types --
-- The columns of a table by name, type and whether they are NOT NULL: what most want to know, at a tenth of the price.
SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS not_null
  FROM pg_attribute WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped ORDER BY attnum

-- partitioned --
-- Whether a table is partitioned, and holds no row itself.
SELECT relkind = 'p' FROM pg_class WHERE oid = %(oid)s

-- key --
-- The columns of the primary key, or else of the narrowest unique index over NOT NULL columns only.
SELECT array_agg(a.attname::text ORDER BY k.n) AS columns
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
 WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
   AND k.n <= i.indnkeyatts
 GROUP BY i.indexrelid, i.indisprimary, i.indnkeyatts
HAVING bool_and(a.attnotnull)
 ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
 LIMIT 1

-- unvalidated_checks --
-- CHECK and NOT NULL constraints that old rows may break: an UPDATE of such a row fails, whatever column it writes
-- (trap 15). NOT NULL has been a constraint of its own since 18.
SELECT c.conname AS name, coalesce(pg_get_expr(c.conbin, c.conrelid), quote_ident(a.attname) || ' IS NOT NULL') AS expression
  FROM pg_constraint c LEFT JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
 WHERE c.conrelid = %(oid)s AND c.contype IN ('c', 'n') AND NOT c.convalidated ORDER BY c.conname

-- triggers --
-- The triggers of a table, and those that one partition alone has; bit 1 of tgtype is ROW, bit 2 BEFORE, bit 16 UPDATE,
-- bit 64 INSTEAD.
SELECT tgname AS name, CASE WHEN tgrelid <> %(oid)s THEN tgrelid::regclass::text ELSE '' END AS leaf,
       (tgtype & 3) = 3 AND (tgtype & 64) = 0 AS before_row, (tgtype & 16) <> 0 AS on_update, tgenabled::text AS enabled
  FROM pg_trigger
 WHERE (tgrelid = %(oid)s OR tgparentid = 0 AND tgrelid IN (SELECT relid FROM pg_partition_tree(%(oid)s::oid)))
   AND NOT tgisinternal
 ORDER BY tgname COLLATE "C", tgrelid

-- indexes --
-- The indexes of a table.
SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = %(oid)s ORDER BY c.relname COLLATE "C"

-- name --
-- What a table is called now; no row where it was dropped.
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = %(oid)s

-- size --
-- Blocks of the table's main fork, of a partitioned one of all its leaves, and where they are.
WITH RECURSIVE tree AS (
  SELECT %(oid)s::oid AS oid
  UNION ALL
  SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending)
SELECT (coalesce(sum(pg_relation_size(oid)), 0) / current_setting('block_size')::int)::bigint AS blocks,
       coalesce(pg_relation_filenode(%(oid)s::oid), 0)::bigint AS filenode
  FROM tree

-- row_estimate --
-- How many rows the server believes the table has; -1 where it was never analysed.
SELECT reltuples::bigint FROM pg_class WHERE oid = %(oid)s

-- fingerprint --
-- What changes when anything could have let a writer past the sync triggers: traps 33-36, experiment 7.
SELECT json_build_object(
  'filenode', pg_relation_filenode(%(oid)s::oid),
  'triggers', (SELECT json_agg(json_build_object('name', t.tgname, 'xmin', t.xmin::text, 'function', p.proname,
                                                 'function_xmin', p.xmin::text) ORDER BY t.tgname COLLATE "C")
                 FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE t.tgrelid = %(oid)s AND NOT t.tgisinternal AND (t.tgtype & 3) = 3),
  'functions', (SELECT json_agg(json_build_object('name', p.proname, 'xmin', p.xmin::text) ORDER BY p.proname COLLATE "C")
                  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                 WHERE n.nspname = 'pgtide' AND starts_with(p.proname, %(prefix)s)),
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'xmin', a.xmin::text) ORDER BY a.attname COLLATE "C")
                FROM pg_attribute a WHERE a.attrelid = %(oid)s AND NOT a.attisdropped
                 AND a.attname = ANY (%(columns)s)),
  'rules', (SELECT json_agg(r.xmin::text ORDER BY r.rulename) FROM pg_rewrite r WHERE r.ev_class = %(oid)s)
)::text

-- update_rules --
-- The rules of a table that do something else instead of an UPDATE, whose number is 2.
SELECT rulename AS name FROM pg_rewrite
 WHERE ev_class = %(oid)s AND ev_type = '2' AND is_instead AND ev_enabled IN ('O', 'A') ORDER BY rulename COLLATE "C"

-- valid_indexes --
-- The indexes of a table that the planner may use.
SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = %(oid)s AND i.indisvalid AND i.indisready

-- constraints --
-- The constraints of a table as the server writes them; NOT VALID is part of that.
SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = %(oid)s

-- statistics --
-- The extended statistics of a table.
SELECT stxname AS name FROM pg_statistic_ext WHERE stxrelid = %(oid)s

-- sync_triggers --
-- The BEFORE ROW triggers of a table: bit 4 of tgtype is INSERT, bit 16 UPDATE. They fire in the order of their names.
SELECT tgname AS name, tgenabled = 'A' AS always, (tgtype & 4) <> 0 AS on_insert, (tgtype & 16) <> 0 AS on_update
  FROM pg_trigger WHERE tgrelid = %(oid)s AND (NOT tgisinternal OR tgparentid <> 0) AND (tgtype & 3) = 3
   AND tgenabled <> 'D'

-- keys --
-- The constraints of a table that stand on an index.
SELECT k.conname AS name
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND k.contype IN ('p', 'u', 'x')

-- index_columns --
-- The columns that an index of a table keeps in order.
SELECT a.attname AS name
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND x.relname = %(index)s AND k.n <= i.indnkeyatts
 ORDER BY k.n
