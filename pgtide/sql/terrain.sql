-- terrain --
-- What a table is like for whoever walks it. A BRIN index does not keep an update from staying on its page.
SELECT n.nspname AS schema, c.relname AS name, a.amname AS method,
       (pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint AS blocks,
       greatest(c.reltuples, 0) * CASE WHEN c.relpages > 0
                                       THEN pg_relation_size(c.oid) / current_setting('block_size')::float8 / c.relpages
                                       ELSE 1 END AS rows,
       CASE WHEN c.reltoastrelid = 0 THEN 0
            ELSE (pg_relation_size(c.reltoastrelid) / current_setting('block_size')::int)::bigint END AS toast_blocks,
       coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100)
           AS fillfactor,
       coalesce((SELECT array_agg(DISTINCT a.attname::text ORDER BY a.attname::text)
                   FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
                   JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                   AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
                  WHERE i.indrelid = c.oid AND m.amname <> 'brin' AND a.attname = ANY (%(written)s)), '{}') AS indexed,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'shared_buffers') AS buffers
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am a ON a.oid = c.relam
 WHERE c.oid = %(oid)s
