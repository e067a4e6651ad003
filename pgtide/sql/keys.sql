-- keys --
-- The unique indexes of a table, the primary key first and then the narrowest, each with why it cannot lead a walk. Types
-- and collations are spelled so that they can be put into a statement.
SELECT x.relname AS index, i.indisprimary AS primary, k.columns, k.types, k.collations, k.width,
       CASE WHEN NOT i.indisvalid THEN 'it is not valid'
            WHEN NOT i.indimmediate THEN 'it is DEFERRABLE, so a transaction may hold equal keys'
            WHEN i.indpred IS NOT NULL THEN 'it holds a part of the rows only'
            WHEN k.expressions THEN 'it is on an expression'
            WHEN k.nullable IS NOT NULL THEN format('%%s may be NULL', k.nullable)
            WHEN k.unordered IS NOT NULL THEN format('%%s is not sorted by the operators that PostgreSQL itself has for its type',
                                                     k.unordered)
            WHEN k.orders > 1 THEN 'its columns are sorted in different directions'
            WHEN k.odd THEN 'it is sorted in an order that no statement asks for by itself (NULLS FIRST or LAST)'
            WHEN k.vague IS NOT NULL THEN format('texts of %%s that differ may be equal: its collation is not deterministic',
                                                 k.vague)
            WHEN k.moved IS NOT NULL THEN format('the collation of %%s has another version than when the index was built; '
                                                 'REINDEX it, then ALTER COLLATION (or DATABASE) ... REFRESH VERSION', k.moved)
       END AS fault
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
  CROSS JOIN LATERAL (
    SELECT array_agg(coalesce(a.attname::text, '') ORDER BY n) AS columns,
           array_agg(coalesce(format_type(a.atttypid, a.atttypmod), '') ORDER BY n) AS types,
           array_agg(coalesce(quote_ident(cn.nspname) || '.' || quote_ident(co.collname), '') ORDER BY n) AS collations,
           sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE coalesce((
             -- Here, and not joined: the view is four tables, and one to join more is many orders to plan.
             SELECT s.avg_width
               FROM pg_class t JOIN pg_namespace tn ON tn.oid = t.relnamespace
               JOIN pg_stats s ON s.schemaname = tn.nspname AND s.tablename = t.relname AND s.attname = a.attname AND NOT s.inherited
              WHERE t.oid = i.indrelid), 32) END)::int AS width,
           bool_or(i.indkey[n] = 0) AS expressions,
           string_agg(a.attname, ', ' ORDER BY n) FILTER (WHERE NOT a.attnotnull OR EXISTS (
             -- From PostgreSQL 18 on: the rows that are there were never looked at.
             SELECT FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'n' AND NOT c.convalidated
                AND c.conkey = ARRAY[a.attnum])) AS nullable,
           string_agg(a.attname, ', ' ORDER BY n)
             FILTER (WHERE NOT o.opcdefault OR o.opcnamespace <> 'pg_catalog'::regnamespace) AS unordered,
           count(DISTINCT i.indoption[n]) AS orders,
           bool_or(i.indoption[n] NOT IN (0, 3)) AS odd,
           string_agg(a.attname, ', ' ORDER BY n) FILTER (WHERE NOT co.collisdeterministic) AS vague,
           string_agg(a.attname, ', ' ORDER BY n)
             FILTER (WHERE pg_collation_actual_version(co.oid) <> CASE WHEN co.collprovider = 'd' THEN (
                             -- PostgreSQL 14 knows no version of a database's own.
                             SELECT to_jsonb(d) ->> 'datcollversion' FROM pg_database d WHERE d.datname = current_database())
                           ELSE co.collversion END) AS moved
      FROM generate_series(0, i.indnkeyatts - 1) AS n
      LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n] AND i.indkey[n] <> 0
      LEFT JOIN pg_opclass o ON o.oid = i.indclass[n]
      LEFT JOIN pg_collation co ON co.oid = i.indcollation[n] AND co.oid <> 0
      LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace) k
 WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indislive
 ORDER BY i.indisprimary DESC, k.width, cardinality(k.columns), x.relname
