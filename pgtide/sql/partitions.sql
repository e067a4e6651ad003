-- leaves --
-- The tables that hold a table's rows: itself, or the leaves of its partitions; not one that is being detached. Asking for
-- a size waits for who alters one.
WITH RECURSIVE tree AS (
  SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = %(oid)s
  UNION ALL
  SELECT c.oid, c.relkind FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending
    JOIN pg_class c ON c.oid = i.inhrelid WHERE t.relkind = 'p')
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name,
       coalesce(pg_relation_filenode(c.oid), 0)::bigint AS filenode,
       (coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int)::bigint AS blocks, a.amname AS method
  FROM tree JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_am a ON a.oid = c.relam
 WHERE c.relkind <> 'p' ORDER BY c.oid

-- leaf_names --
-- What the tables that hold a table's rows are called. No lock is taken, so nobody is waited for.
WITH RECURSIVE tree AS (
  SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = %(oid)s
  UNION ALL
  SELECT c.oid, c.relkind FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending
    JOIN pg_class c ON c.oid = i.inhrelid WHERE t.relkind = 'p')
SELECT n.nspname AS schema, c.relname AS name
  FROM tree JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind <> 'p' ORDER BY c.oid

-- leaf_name --
-- What a leaf of a table is called now; no row where it is none of its leaves any more.
WITH RECURSIVE up AS (
  SELECT %(leaf)s::oid AS oid
  UNION ALL
  SELECT i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.oid AND NOT i.inhdetachpending)
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = %(leaf)s AND EXISTS (SELECT FROM up WHERE oid = %(oid)s)

-- parts --
-- All tables below a partitioned one, those above their own partitions first, with what a migration needs to know of them.
WITH RECURSIVE tree AS (
  SELECT c.oid, 0 AS level, NULL::oid AS parent FROM pg_class c WHERE c.oid = %(oid)s
  UNION ALL
  SELECT i.inhrelid, t.level + 1, i.inhparent FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending
    JOIN pg_class p ON p.oid = t.oid AND p.relkind = 'p')
SELECT c.oid::bigint AS oid, tree.parent::bigint AS parent, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       c.relpersistence::text AS persistence, pg_has_role(c.relowner, 'USAGE') AS owned,
       pg_get_userbyid(c.relowner) AS owner, c.relrowsecurity AND c.relforcerowsecurity AS rls_forced,
       EXISTS (SELECT FROM pg_publication_tables p JOIN pg_publication b USING (pubname)
                WHERE p.schemaname = n.nspname AND b.pubupdate
                  AND p.tablename IN (c.relname, (SELECT relname FROM pg_class WHERE oid = %(oid)s)))
         AND NOT (c.relreplident IN ('f', 'i')
                  OR c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))
         AS unidentified
  FROM tree JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE tree.level > 0 ORDER BY tree.level, c.oid

-- root --
-- The table at the top of a partition's tree.
WITH RECURSIVE up AS (
  SELECT %(oid)s::oid AS oid, 0 AS level
  UNION ALL
  SELECT i.inhparent, up.level + 1 FROM up JOIN pg_inherits i ON i.inhrelid = up.oid)
SELECT n.nspname || '.' || c.relname FROM up JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY up.level DESC LIMIT 1

-- key_columns --
-- The columns that decide which partition a row is in, of the table and of its partitions that have some of their own;
-- the server makes them depend on their table, those inside of an expression too.
WITH RECURSIVE tree AS (
  SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = %(oid)s
  UNION ALL
  SELECT c.oid, c.relkind FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class c ON c.oid = i.inhrelid
   WHERE t.relkind = 'p')
SELECT DISTINCT a.attname AS name FROM tree t
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_class'::regclass
                  AND d.refobjid = t.oid AND d.refobjsubid = 0 AND d.objsubid > 0 AND d.deptype = 'i'
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.objsubid
 WHERE t.relkind = 'p' ORDER BY 1

-- bound_constraints --
-- The foreign keys, unique and exclusion constraints that read one of these columns, on the table or on a partition.
WITH RECURSIVE tree AS (
  SELECT %(oid)s::oid AS oid
  UNION ALL
  SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid)
SELECT format('%%s %%s of %%s', CASE c.contype WHEN 'f' THEN 'the foreign key' WHEN 'u' THEN 'the UNIQUE constraint'
                              ELSE 'the exclusion constraint' END, c.conname, c.conrelid::regclass) AS words
  FROM tree t JOIN pg_constraint c ON c.conrelid = t.oid AND c.conparentid = 0 AND c.contype IN ('f', 'u', 'x')
 WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                  AND a.attname = ANY (%(columns)s::text[]))
 ORDER BY 1

-- own --
-- What a partition has on one of these columns and the table has not, in words: contract acts on the table, and would
-- leave it behind on the old column.
WITH RECURSIVE tree AS (
  SELECT %(oid)s::oid AS oid, 0 AS level
  UNION ALL
  SELECT i.inhrelid, t.level + 1 FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending),
 a AS (
  SELECT a.*, r.attstattarget AS root_target, r.attstorage AS root_storage, r.attnotnull AS root_not_null,
         pg_get_expr(x.adbin, x.adrelid) AS root_default, a.attrelid::regclass AS part
    FROM tree t JOIN pg_attribute a ON a.attrelid = t.oid AND NOT a.attisdropped AND a.attname = ANY (%(columns)s::text[])
    JOIN pg_attribute r ON r.attrelid = %(oid)s AND r.attname = a.attname AND NOT r.attisdropped
    LEFT JOIN pg_attrdef x ON x.adrelid = r.attrelid AND x.adnum = r.attnum
   WHERE t.level > 0)
SELECT CASE WHEN d.adbin IS NULL
            THEN format('the DEFAULT of %%s.%%I, which the table has and the partition has not (ALTER TABLE %%s ALTER %%I '
                        'SET DEFAULT %%s gives it)', a.part, a.attname, a.part, a.attname, a.root_default)
            ELSE format('the DEFAULT of %%s.%%I, which is not that of the table', a.part, a.attname) END AS words
  FROM a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM a.root_default
UNION ALL
SELECT format('NOT NULL of %%s.%%I, which the table does not ask for', a.part, a.attname) FROM a
 WHERE a.attnotnull AND NOT a.root_not_null
UNION ALL
SELECT format('the privileges on %%s (%%I)', a.part, a.attname) FROM a WHERE a.attacl IS NOT NULL
UNION ALL
SELECT format('the comment on %%s.%%I', a.part, a.attname) FROM a WHERE col_description(a.attrelid, a.attnum) IS NOT NULL
UNION ALL
SELECT format('what planner and storage were told of %%s.%%I', a.part, a.attname) FROM a
 WHERE a.attoptions IS NOT NULL OR a.attstattarget IS DISTINCT FROM a.root_target OR a.attstorage <> a.root_storage
UNION ALL
SELECT DISTINCT format('the index %%s, which is %%s', i.indexrelid::regclass,
                       CASE WHEN i.indisreplident THEN 'the replica identity of its partition' ELSE 'what CLUSTER sorts by' END)
  FROM a JOIN pg_index i ON i.indrelid = a.attrelid AND (i.indisreplident OR i.indisclustered) AND a.attnum = ANY (i.indkey)
UNION ALL
SELECT DISTINCT coalesce('the view ' || v.ev_class::regclass, pg_describe_object(d.classid, d.objid, d.objsubid))
  FROM a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
  LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
  LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
  LEFT JOIN pg_rewrite v ON d.classid = 'pg_rewrite'::regclass AND v.oid = d.objid AND v.rulename = '_RETURN'
 WHERE d.classid <> 'pg_attrdef'::regclass AND d.deptype <> 'P' AND NOT (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid)
   AND coalesce(k.coninhcount = 0 AND k.conparentid = 0 AND k.contype <> 'n', true) AND coalesce(t.tgparentid = 0, true)
   AND NOT EXISTS (SELECT FROM pg_inherits i WHERE d.classid = 'pg_class'::regclass AND i.inhrelid = d.objid)
 ORDER BY 1

-- called_apart --
-- The NOT NULL constraints, of these of a table, that a partition calls otherwise: the server renames none of them then.
WITH RECURSIVE tree AS (
  SELECT %(oid)s::oid AS part, 0 AS level
  UNION ALL
  SELECT i.inhrelid, t.level + 1 FROM tree t JOIN pg_inherits i ON i.inhparent = t.part AND NOT i.inhdetachpending)
SELECT format('the constraint %%s of the partition %%s, which the table calls %%s', p.conname, tree.part::regclass, c.conname)
       AS words
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND ARRAY[a.attnum] = c.conkey
  JOIN tree ON tree.level > 0 JOIN pg_attribute b ON b.attrelid = tree.part AND b.attname = a.attname
  JOIN pg_constraint p ON p.conrelid = tree.part AND p.contype = 'n' AND p.conkey = ARRAY[b.attnum]
 WHERE c.conrelid = %(oid)s AND c.contype = 'n' AND c.conname = ANY (%(names)s::text[]) AND p.conname <> c.conname
 ORDER BY 1

-- leaf_fingerprints --
-- Of each leaf, what changes when anything could have let a writer past the sync triggers there.
WITH RECURSIVE tree AS (
  SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = %(oid)s
  UNION ALL
  SELECT c.oid, c.relkind FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending
    JOIN pg_class c ON c.oid = i.inhrelid WHERE t.relkind = 'p')
SELECT leaf::text AS leaf, json_build_object(
  'filenode', pg_relation_filenode(leaf),
  'triggers', (SELECT json_agg(json_build_object('name', t.tgname, 'xmin', t.xmin::text, 'function', p.proname,
                                                 'function_xmin', p.xmin::text, 'enabled', t.tgenabled)
                               ORDER BY t.tgname COLLATE "C")
                 FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE t.tgrelid = leaf AND (NOT t.tgisinternal OR t.tgparentid <> 0) AND (t.tgtype & 3) = 3),
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'xmin', a.xmin::text) ORDER BY a.attname COLLATE "C")
                FROM pg_attribute a WHERE a.attrelid = leaf AND NOT a.attisdropped AND a.attname = ANY (%(columns)s)),
  'rules', (SELECT json_agg(r.xmin::text ORDER BY r.rulename) FROM pg_rewrite r WHERE r.ev_class = leaf))::text AS found
  FROM tree AS t (leaf, kind) WHERE kind <> 'p'

-- part_twins --
-- The parts that indexes and their twins have on the same partition: with the table's index each part gives its name to
-- its twin.
WITH RECURSIVE tree AS (
  SELECT w.name, w.retired, o.oid AS original, t.oid AS twin
    FROM unnest(%(names)s::text[], %(twins)s::text[], %(retired)s::text[]) AS w (name, twin, retired)
    JOIN pg_namespace n ON n.nspname = %(schema)s
    JOIN pg_class o ON o.relnamespace = n.oid AND o.relname = w.name AND o.relkind = 'I'
    JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = w.twin AND t.relkind = 'I'
  UNION ALL
  SELECT tree.name, tree.retired, o.inhrelid, t.inhrelid
    FROM tree JOIN pg_inherits o ON o.inhparent = tree.original JOIN pg_index x ON x.indexrelid = o.inhrelid
    JOIN pg_inherits t ON t.inhparent = tree.twin JOIN pg_index y ON y.indexrelid = t.inhrelid
   WHERE x.indrelid = y.indrelid)
SELECT n.nspname AS schema, o.relname AS name, t.relname AS twin, tree.retired, x.indrelid::bigint AS part
  FROM tree JOIN pg_class o ON o.oid = tree.original JOIN pg_class t ON t.oid = tree.twin
  JOIN pg_namespace n ON n.oid = o.relnamespace JOIN pg_index x ON x.indexrelid = o.oid
 WHERE o.relname <> tree.name ORDER BY tree.name, o.oid

-- whole --
-- Whether the index of a partitioned table has all of its parts.
SELECT indisvalid FROM pg_index WHERE indexrelid = %(index)s::regclass

-- unindexed --
-- The partitions that have no part of an index of their parent's yet, those above their own partitions first. Attached to
-- an index that is not whole, a new partition has its part from the start.
WITH RECURSIVE tree AS (
  SELECT %(index)s::regclass::oid AS index, (SELECT indrelid FROM pg_index WHERE indexrelid = %(index)s::regclass) AS part,
         0 AS level
  UNION ALL
  SELECT own.indexrelid, i.inhrelid, t.level + 1
    FROM tree t JOIN pg_inherits i ON i.inhparent = t.part AND NOT i.inhdetachpending
    LEFT JOIN LATERAL (SELECT x.indexrelid FROM pg_index x JOIN pg_inherits h ON h.inhrelid = x.indexrelid
                        WHERE x.indrelid = i.inhrelid AND h.inhparent = t.index) own ON true
   WHERE t.index IS NOT NULL)
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned,
       quote_ident(pn.nspname) || '.' || quote_ident(p.relname) AS parent
  FROM tree t JOIN pg_class c ON c.oid = t.part JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_inherits i ON i.inhrelid = t.part
  JOIN tree up ON up.part = i.inhparent
  JOIN pg_class p ON p.oid = up.index JOIN pg_namespace pn ON pn.oid = p.relnamespace
 WHERE t.index IS NULL ORDER BY t.level, c.oid
