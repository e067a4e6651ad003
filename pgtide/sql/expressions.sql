-- type_facts --
-- A type as the server writes it, from a column of the trial table.
SELECT format_type(a.atttypid, a.atttypmod) AS name, a.atttypmod >= 0 AND t.typtype <> 'd' AS modified,
       t.typname IN ('varchar', 'bpchar', 'bit', 'varbit') AS cut, t.typcollation <> 0 AS collatable,
       CASE WHEN t.oid = 'varchar'::regtype AND a.atttypmod >= 0 THEN a.atttypmod END AS varying
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = 'pg_temp.pgtide_trial'::regclass AND a.attname = 'probe'

-- trial_file --
-- The file of the trial table: another one after a rewrite, also of an empty table.
SELECT pg_relation_filenode('pg_temp.pgtide_trial'::regclass)

-- trial_oid --
-- The trial table of this session.
SELECT 'pg_temp.pgtide_trial'::regclass::oid::bigint

-- trial_names --
-- What the columns of the trial table are called.
SELECT attname AS name FROM pg_attribute
 WHERE attrelid = 'pg_temp.pgtide_trial'::regclass AND attnum > 0 AND NOT attisdropped

-- view_sources --
-- The columns that a view over the trial table uses: bound by the server, not found in text.
SELECT DISTINCT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
                  AND d.refobjsubid > 0
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE r.ev_class = 'pg_temp.pgtide_view'::regclass AND d.refobjid = 'pg_temp.pgtide_trial'::regclass
 ORDER BY 1

-- index_definition --
-- How the server writes the trial index.
SELECT pg_get_indexdef('pg_temp.pgtide_index'::regclass)
