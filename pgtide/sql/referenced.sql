-- referenced --
-- The tables that a table refers to by a foreign key which one of these statements drops, by its name or with a column
-- of its own, or makes again. The server locks them too, after the table: it has triggers of its own on them.
SELECT format('%%I.%%I', n.nspname, p.relname) AS name, p.relkind = 'p' AS partitioned, bool_or(s.drops) AS drops,
       ARRAY(SELECT p.oid UNION SELECT relid FROM pg_partition_tree(p.oid)) AS oids,
       has_table_privilege(p.oid, 'UPDATE, DELETE, TRUNCATE') AS lockable
  FROM pg_constraint c
  JOIN pg_class p ON p.oid = c.confrelid
  JOIN pg_namespace n ON n.oid = p.relnamespace
 CROSS JOIN unnest(%(texts)s::text[]) AS t (text)
 CROSS JOIN LATERAL (SELECT ' ' || translate(t.text, E',;\n', '   ') || ' ' AS words) w
 CROSS JOIN LATERAL (
       SELECT t.text ~* '\mdrop\s+(column|constraint)\M' AND EXISTS (
              SELECT FROM (SELECT c.conname UNION ALL
                           SELECT attname FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey)) k (name)
               CROSS JOIN LATERAL (SELECT translate(k.name, E',;\n', '   ') AS plain) own
               WHERE strpos(w.words, ' "' || replace(own.plain, '"', '""') || '" ') > 0
                  OR quote_ident(k.name) = k.name AND strpos(w.words, ' ' || k.name || ' ') > 0) AS drops,
              strpos(t.text, format(' REFERENCES %%I.%%I(', n.nspname, p.relname)) > 0 AS makes) s
 WHERE c.conrelid = %(oid)s AND c.contype = 'f' AND c.confrelid <> c.conrelid AND c.conparentid = 0
   AND (s.drops OR s.makes)
 GROUP BY p.oid, n.nspname, p.relname, p.relkind
 ORDER BY p.oid
