-- What others hang on the columns of a migration, by name and definition. Contract notes what its undo would name or
-- say again; whoever undoes it looks whether that still stands, and what would go with the columns or keeps them.

-- What something is called, in words that no session's language changes.
CREATE OR REPLACE FUNCTION pgtide.undo_what(class oid, thing oid, part int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $$
    SELECT CASE i.type WHEN 'table constraint' THEN 'constraint' WHEN 'statistics object' THEN 'statistics'
                       WHEN 'publication relation' THEN 'entry' ELSE i.type END || ' ' || i.identity
      FROM (SELECT (SELECT ev_class FROM pg_rewrite
                     WHERE class = 'pg_rewrite'::regclass AND oid = thing AND rulename = '_RETURN')) r (view)
     CROSS JOIN LATERAL pg_identify_object(CASE WHEN r.view IS NULL THEN class ELSE 'pg_class'::regclass END,
                                           coalesce(r.view, thing), CASE WHEN r.view IS NULL THEN part ELSE 0 END) i
$$;

CREATE OR REPLACE FUNCTION pgtide.undo_grantee(oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $$
    SELECT CASE $1 WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid($1)) END
$$;

-- Privileges, in an order of their own.
CREATE OR REPLACE FUNCTION pgtide.undo_privileges(acl aclitem[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $$
    SELECT coalesce(string_agg(said, ', ' ORDER BY said COLLATE "C"), 'none')
      FROM aclexplode(acl) x
     CROSS JOIN LATERAL (SELECT format('%s TO %s%s', x.privilege_type, pgtide.undo_grantee(x.grantee),
                                       CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)) s (said)
$$;

-- How something is defined. Settings decide how the server writes values: they are always the same here.
CREATE OR REPLACE FUNCTION pgtide.undo_definition(class oid, thing oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET TimeZone = 'UTC'
SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
SET xmlbinary = 'base64' SET lc_monetary = 'C' AS $$
    SELECT CASE class
    WHEN 'pg_proc'::regclass THEN pg_get_functiondef(thing)
    WHEN 'pg_statistic_ext'::regclass THEN pg_get_statisticsobjdef(thing)
    -- Whoever makes it again is to keep nobody waiting.
    WHEN 'pg_class'::regclass THEN regexp_replace(pg_get_indexdef(thing), '^CREATE (UNIQUE )?INDEX ',
                                                  'CREATE \1INDEX CONCURRENTLY ')
    WHEN 'pg_constraint'::regclass THEN (
        SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
          FROM pg_constraint WHERE oid = thing)
    WHEN 'pg_attrdef'::regclass THEN (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = thing)
    WHEN 'pg_trigger'::regclass THEN (
        SELECT pg_get_triggerdef(oid) || CASE tgenabled WHEN 'O' THEN '' ELSE format('; ALTER TABLE %s %s TRIGGER %I',
               tgrelid::regclass, e.word, tgname) END
          FROM pg_trigger
          LEFT JOIN (VALUES ('D', 'DISABLE'), ('R', 'ENABLE REPLICA'), ('A', 'ENABLE ALWAYS')) e (mark, word)
            ON e.mark = tgenabled::text
         WHERE oid = thing)
    WHEN 'pg_policy'::regclass THEN (
        SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', polname, polrelid::regclass,
                      CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                      CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                  WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                      (SELECT string_agg(pgtide.undo_grantee(r), ', ' ORDER BY pgtide.undo_grantee(r) COLLATE "C")
                         FROM unnest(polroles) AS r))
               || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '')
               || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')
          FROM pg_policy WHERE oid = thing)
    WHEN 'pg_publication_rel'::regclass THEN (
        SELECT format('ALTER PUBLICATION %I ADD TABLE ONLY %s', b.pubname, r.prrelid::regclass)
               || CASE WHEN to_jsonb(r) ->> 'prattrs' IS NULL THEN ''
                  ELSE format(' (%s)', btrim(to_jsonb(t) ->> 'attnames', '[]')) END
               || coalesce(' WHERE (' || (to_jsonb(t) ->> 'rowfilter') || ')', '')
          FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_publication_tables t ON (t.pubname, t.schemaname, t.tablename) = (b.pubname, n.nspname, c.relname)
         WHERE r.oid = thing)
    WHEN 'pg_rewrite'::regclass THEN (
        SELECT CASE WHEN r.rulename <> '_RETURN' THEN pg_get_ruledef(r.oid)
               ELSE format('CREATE %s %s%s AS%s ALTER %1$s %2$s OWNER TO %5$I',
                           CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass,
                           coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''),
                           pg_get_viewdef(c.oid), pg_get_userbyid(c.relowner)) END
          FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.oid = thing)
    END
$$;

-- Whether something of this kind and name is the migration's own: a twin, or what undoing its steps takes away. `kind` is
-- the word, or the words, by which a statement that drops it says what it is; null is never the migration's.
CREATE OR REPLACE FUNCTION pgtide.undo_own(m pgtide.migration, kind text, called text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT kind ~ '^(INDEX|CONSTRAINT|STATISTICS)'
           AND EXISTS (SELECT FROM jsonb_array_elements(m.plan::jsonb -> 'twins') t
                        WHERE called IN (t ->> 'name', t ->> 'twin', t ->> 'retired'))
        OR EXISTS (
        SELECT FROM (
            SELECT u FROM pgtide.step s, jsonb_array_elements_text(s.undo_inside::jsonb) AS u
             WHERE s.migration_id = m.id AND s.attempt = m.attempt AND s.name <> 'contract.shape'
            UNION ALL
            SELECT made ->> 'undo' FROM jsonb_path_query(m.plan::jsonb, '$.contract_sql[*].statements[*]') AS made
        ) AS made (undo)
         -- A declared statement may write a name as it likes.
         WHERE undo ~* format('\m(%s)\M', kind)
           AND undo ~* format('(^|[^[:alnum:]_])%s($|[^[:alnum:]_])',
                              regexp_replace(replace(called, '"', '""'), '([^[:alnum:]_])', '\\\1', 'g')))
$$;

-- What others have hung on these columns: what keeps them from being dropped, and what would go with them. No NOT NULL
-- and no column's own default: they are no more than the column.
CREATE OR REPLACE FUNCTION pgtide.undo_dependents(m pgtide.migration, names text[])
RETURNS TABLE (what text, content text, keeps boolean, columns text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH d AS (
        SELECT d.classid, d.objid, d.objsubid, bool_and(d.deptype = 'n') AS keeps,
               string_agg(DISTINCT a.attname, ', ') AS columns
          FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = m.table_oid AND a.attname = ANY (names)
         GROUP BY d.classid, d.objid, d.objsubid HAVING NOT bool_and(d.deptype = 'i'))
    SELECT pgtide.undo_what(d.classid, d.objid, d.objsubid), coalesce(pgtide.undo_definition(d.classid, d.objid), ''),
           d.keeps, d.columns
      FROM d LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
      LEFT JOIN pg_proc f ON f.oid = coalesce(t.tgfoid, CASE d.classid WHEN 'pg_proc'::regclass THEN d.objid END)
      LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
      LEFT JOIN pg_statistic_ext e ON d.classid = 'pg_statistic_ext'::regclass AND e.oid = d.objid
      LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
      LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
      LEFT JOIN pg_class c ON c.oid = coalesce(r.ev_class, CASE d.classid WHEN 'pg_class'::regclass THEN d.objid END)
      LEFT JOIN pg_index i ON i.indexrelid = c.oid
      LEFT JOIN pg_publication_rel l ON d.classid = 'pg_publication_rel'::regclass AND l.oid = d.objid
      LEFT JOIN pg_publication b ON b.oid = l.prpubid
      LEFT JOIN pg_attrdef x ON d.classid = 'pg_attrdef'::regclass AND x.oid = d.objid
      LEFT JOIN pg_attribute y ON y.attrelid = m.table_oid AND x.adrelid = m.table_oid AND y.attnum = x.adnum
     WHERE t.tgisinternal IS NOT TRUE AND f.pronamespace IS DISTINCT FROM 'pgtide'::regnamespace
       AND k.contype IS DISTINCT FROM 'n' AND coalesce(k.conparentid, 0) = 0 AND i.indisvalid IS NOT FALSE
       AND (y.attname = ANY (names)) IS NOT TRUE
       -- A column of the table that is generated from one of these is nobody's but its maker's.
       AND pgtide.undo_own(
             m, CASE WHEN t.oid IS NOT NULL THEN 'TRIGGER' WHEN f.oid IS NOT NULL THEN 'FUNCTION|PROCEDURE|ROUTINE'
                     WHEN k.oid IS NOT NULL THEN 'CONSTRAINT' WHEN e.oid IS NOT NULL THEN 'STATISTICS'
                     WHEN p.oid IS NOT NULL THEN 'POLICY' WHEN b.oid IS NOT NULL THEN 'PUBLICATION'
                     WHEN r.rulename <> '_RETURN' THEN 'RULE' WHEN r.oid IS NOT NULL THEN 'VIEW'
                     WHEN c.oid <> m.table_oid THEN 'INDEX|SEQUENCE' END,
             coalesce(t.tgname, f.proname, k.conname, e.stxname, p.polname, b.pubname, nullif(r.rulename, '_RETURN'),
                      c.relname)) IS NOT TRUE
$$;

-- The views on swapped columns whose type changed, and all that stand on them: they are dropped and made again.
CREATE OR REPLACE FUNCTION pgtide.undo_tower(m pgtide.migration) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE tower (oid) AS (
        SELECT w.ev_class
          FROM jsonb_array_elements(m.plan::jsonb -> 'replacements') r
          JOIN pg_attribute n ON n.attrelid = m.table_oid AND n.attname = r ->> 'old'
          JOIN pg_attribute o ON o.attrelid = m.table_oid AND o.attname = r ->> 'retired'
           AND (o.atttypid, o.atttypmod) <> (n.atttypid, n.atttypmod)
          JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = m.table_oid
           AND d.refobjsubid = n.attnum AND d.classid = 'pg_rewrite'::regclass
          JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN'
        UNION
        SELECT w.ev_class FROM tower t
          JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
           AND d.classid = 'pg_rewrite'::regclass
          JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class <> t.oid AND w.rulename = '_RETURN')
    SELECT t.oid FROM tower t JOIN pg_class c ON c.oid = t.oid AND c.relkind = 'v'
$$;

-- What undoing contract would give another name, say again or drop, under the names since contract.
CREATE OR REPLACE FUNCTION pgtide.undo_hanging(m pgtide.migration) RETURNS TABLE (what text, content text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $$
    WITH a AS (
        SELECT a.* FROM jsonb_array_elements(m.plan::jsonb -> 'replacements') r
          JOIN pg_attribute a ON a.attrelid = m.table_oid AND a.attname IN (r ->> 'old', r ->> 'retired')),
    d AS (SELECT d.*, a.attname FROM a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass
             AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum),
    twin (kind, name) AS (
        SELECT t ->> 'kind', n FROM jsonb_array_elements(m.plan::jsonb -> 'twins') t,
               unnest(ARRAY[t ->> 'name', t ->> 'retired']) AS n),
    found (class, thing) AS (
        SELECT d.classid, d.objid
          FROM d LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
          LEFT JOIN pg_proc f ON f.oid = coalesce(t.tgfoid, CASE d.classid WHEN 'pg_proc'::regclass THEN d.objid END)
          LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
          LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
          LEFT JOIN pg_class c ON c.oid = r.ev_class
         WHERE d.classid = 'pg_publication_rel'::regclass OR c.relkind = 'v' OR p.polrelid = m.table_oid
            OR f.pronamespace <> 'pgtide'::regnamespace AND t.tgisinternal IS NOT TRUE
        UNION
        SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r
         WHERE r.rulename = '_RETURN' AND r.ev_class IN (SELECT pgtide.undo_tower(m))
        UNION
        SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
          JOIN twin ON twin.kind = 'index' AND twin.name = c.relname WHERE i.indrelid = m.table_oid
        UNION
        SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
          JOIN twin ON twin.kind IN ('constraint', 'not_null') AND twin.name = k.conname WHERE k.conrelid = m.table_oid
        UNION
        SELECT 'pg_statistic_ext'::regclass, e.oid FROM pg_statistic_ext e
          JOIN twin ON twin.kind = 'statistics' AND twin.name = e.stxname WHERE e.stxrelid = m.table_oid)
    SELECT pgtide.undo_what(f.class, f.thing, 0),
           pgtide.undo_definition(f.class, f.thing) || coalesce(
               (SELECT format('; privileges: %s; triggers: %s', pgtide.undo_privileges(v.relacl),
                              (SELECT string_agg(pg_get_triggerdef(t.oid), '; ' ORDER BY t.tgname)
                                 FROM pg_trigger t WHERE t.tgrelid = v.oid))
                  FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
                 WHERE f.class = 'pg_rewrite'::regclass AND r.oid = f.thing
                   AND v.oid IN (SELECT pgtide.undo_tower(m))), '')
      FROM found f
    UNION ALL
    SELECT format('column %I', a.attname), format('the table''s column number %s', a.attnum) FROM a
    UNION ALL
    SELECT format('default of %I', a.attname),
           coalesce((SELECT pgtide.undo_definition('pg_attrdef'::regclass, x.oid) FROM pg_attrdef x
                      WHERE x.adrelid = a.attrelid AND x.adnum = a.attnum), 'none') FROM a
    UNION ALL
    SELECT format('access to column %I', a.attname), pgtide.undo_privileges(a.attacl) FROM a
    UNION ALL
    SELECT pgtide.undo_what(d.classid, d.objid, 0), format('owned by %I', d.attname)
      FROM d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
     WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'a'
$$;

-- Contract's step while it is not undone, and what hung on its columns then; null in a ledger that did not note it.
CREATE OR REPLACE FUNCTION pgtide.undo_contract(m pgtide.migration, OUT hanging jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.hanging FROM pgtide.step s
     WHERE s.migration_id = m.id AND s.attempt = m.attempt AND s.name = 'contract.shape' AND s.state <> 'undone'
       AND EXISTS (SELECT FROM pg_class WHERE oid = m.table_oid)
$$;

-- What was dropped or changed since contract, as it was: undoing contract would fail, or put back what is no more.
CREATE OR REPLACE FUNCTION pgtide.undo_touched(m pgtide.migration) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE WHEN now.what IS NULL THEN '%s is gone; it was: %s' ELSE '%s was changed; it was: %s' END,
                  was.key, was.value)
      FROM pgtide.undo_contract(m) c CROSS JOIN LATERAL jsonb_each_text(c.hanging) was
      LEFT JOIN pgtide.undo_hanging(m) now ON now.what = was.key
     WHERE now.content IS DISTINCT FROM was.value
     ORDER BY was.key COLLATE "C"
$$;

-- What came since and is in the way of undoing, with its definition: of contract where it stands on a view that has to
-- be made again; of all of it where it keeps a column.
CREATE OR REPLACE FUNCTION pgtide.undo_obstacles(m pgtide.migration, whole boolean) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH c AS (SELECT count(*) > 0 AS contracted, (array_agg(hanging))[1] AS hanging FROM pgtide.undo_contract(m)),
    replaced AS (
        SELECT coalesce(array_agg(r ->> 'old'), '{}') AS olds, coalesce(array_agg(r ->> 'new'), '{}') AS news,
               coalesce(array_agg(r ->> 'retired'), '{}') AS retired
          FROM jsonb_array_elements(m.plan::jsonb -> 'replacements') r),
    added AS (SELECT coalesce(array_agg(e ->> 0), '{}') AS names
                FROM replaced, jsonb_array_elements(m.plan::jsonb -> 'expected' -> 'columns') e
               WHERE e ->> 0 <> ALL (news)),
    standing AS (
        SELECT DISTINCT pgtide.undo_what(d.classid, d.objid, d.objsubid) AS what, t AS view,
               coalesce(pgtide.undo_definition(d.classid, d.objid), '') AS content
          FROM pgtide.undo_tower(m) t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t
         WHERE d.deptype = 'n')
    SELECT format('%s stands on view %s, which has to be made again: %s', s.what, s.view::regclass, s.content)
      FROM c, standing s
     WHERE NOT c.hanging ? s.what AND c.hanging ? pgtide.undo_what('pg_class'::regclass, s.view, 0)
    UNION
    SELECT format('%s depends on column %s: %s', d.what, d.columns, d.content)
      FROM c, replaced, added, LATERAL (
        SELECT * FROM pgtide.undo_dependents(m, names)
        UNION ALL
        -- What was noted goes back to the old column, with the name.
        SELECT * FROM pgtide.undo_dependents(m, CASE WHEN contracted THEN olds ELSE news END) x
         WHERE NOT contracted OR NOT hanging ? x.what
        UNION ALL
        -- And what names an interim column names the new one again.
        SELECT * FROM pgtide.undo_dependents(m, retired) x WHERE contracted AND hanging ? x.what) d
     WHERE whole AND d.keeps
     ORDER BY 1
$$;

-- What goes with the new columns, and nobody asked for: indexes, CHECKs, statistics of others, with their definitions.
CREATE OR REPLACE FUNCTION pgtide.undo_along(m pgtide.migration) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT format('%s: %s', d.what, d.content)
      FROM (SELECT array_agg(coalesce(r ->> 'old', e ->> 0)) AS names
              FROM jsonb_array_elements(m.plan::jsonb -> 'expected' -> 'columns') e
              LEFT JOIN jsonb_array_elements(m.plan::jsonb -> 'replacements') r
                ON r ->> 'new' = e ->> 0 AND EXISTS (SELECT FROM pgtide.undo_contract(m))) going,
           pgtide.undo_dependents(m, going.names) d
     -- A sequence that came with the name goes back with it.
     WHERE NOT d.keeps AND NOT EXISTS (SELECT FROM pgtide.undo_contract(m) c WHERE c.hanging ? d.what)
     ORDER BY 1
$$;

-- Why undoing would fail, or take back what is no more; null where nothing is in the way.
CREATE OR REPLACE FUNCTION pgtide.undo_refusal(m pgtide.migration) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(line, '; ')
           || '. Put back as it was what is gone or changed, drop or move what is in the way, and call this again'
      FROM (SELECT pgtide.undo_touched(m) UNION ALL SELECT pgtide.undo_obstacles(m, true)) found (line)
$$;
