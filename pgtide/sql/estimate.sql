-- table_facts --
-- What an estimate has to know of a table: its size, how it is stored, and where; of a partitioned one all leaves together.
WITH RECURSIVE tree AS (
  SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = %(oid)s
  UNION ALL
  SELECT c.oid, c.relkind FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid AND NOT i.inhdetachpending
    JOIN pg_class c ON c.oid = i.inhrelid WHERE t.relkind = 'p')
SELECT coalesce(sum(pg_relation_size(c.oid)) / current_setting('block_size')::int, 0)::bigint AS blocks,
       sum(c.reltuples::float8) FILTER (WHERE c.relpages > 0 AND c.reltuples >= 0)
         / sum(c.relpages) FILTER (WHERE c.relpages > 0 AND c.reltuples >= 0) AS rows_per_block,
       coalesce(sum(pg_total_relation_size(nullif(c.reltoastrelid, 0))), 0)::bigint AS toast_bytes,
       coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint AS index_bytes,
       coalesce(max((SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid)), 0) AS indexes,
       coalesce(min((SELECT o.option_value::int FROM pg_options_to_table(c.reloptions) o
                      WHERE o.option_name = 'fillfactor')), 100) AS fillfactor,
       max((SELECT o.option_value::int FROM pg_options_to_table(c.reloptions) o
             WHERE o.option_name = 'toast_tuple_target')) AS toast_tuple_target,
       max(nullif(pg_tablespace_location(c.reltablespace), '')) AS tablespace,
       coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS total_bytes
  FROM tree JOIN pg_class c USING (oid) WHERE c.relkind <> 'p'

-- server_facts --
-- What an estimate has to know of a server: how it writes WAL, how much of that it keeps, and whether it keeps all of it.
SELECT current_setting('block_size')::int AS block_bytes, current_setting('full_page_writes')::boolean AS full_pages,
       pg_size_bytes(current_setting('max_wal_size'))::bigint AS kept_wal_bytes,
       extract(epoch FROM current_setting('checkpoint_timeout')::interval)::float8 AS checkpoint_seconds,
       EXISTS (SELECT FROM pg_replication_slots WHERE NOT active AND NOT temporary) AS keeps_all_wal

-- place --
-- Where the server keeps its data, whether it answers on its own machine, and the process that answers here.
SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS directory, pg_backend_pid() AS pid,
       inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS near

-- sample_sizes --
-- The sizes of the copied sample: rows, what is stored apart from them, indexes.
SELECT pg_relation_size(c.oid)::bigint AS heap, pg_indexes_size(c.oid)::bigint AS indexes,
       coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0)::bigint AS toast
  FROM pg_class c WHERE c.oid = 'pg_temp.pgtide_sample'::regclass

-- sample_text --
-- How many bytes the copied sample has as text, which is what a dump writes; t alone could be a column.
SELECT coalesce(sum(octet_length((t.*)::text)), 0)::bigint FROM pg_temp.pgtide_sample AS t
