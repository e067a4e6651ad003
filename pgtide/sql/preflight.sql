-- target --
-- Which server and database this is, and what this role may do in it.
SELECT current_database() AS database, current_user AS role, pg_is_in_recovery() AS replica,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       has_database_privilege(current_database(), 'TEMP') AS may_make_temporary,
       (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS sees_all_rows,
       coalesce(has_schema_privilege(to_regnamespace('pgtide')::oid, 'CREATE'), true) AS may_write_ledger

-- similar --
-- Tables of that name in other schemas, or nearly so in this one.
SELECT format('%%s.%%s', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND lower(c.relname) = lower(%(name)s) ORDER BY 1 LIMIT 5

-- schema --
-- Whether this role may create objects in a schema.
SELECT current_user AS role, has_schema_privilege(oid, 'CREATE') AS may_create FROM pg_namespace
 WHERE nspname = %(schema)s

-- log_schema --
-- Whether the schema for migration_log exists, or will.
SELECT %(schema)s = 'pgtide' OR to_regnamespace(%(quoted)s) IS NOT NULL

-- replicas --
-- Replicas that replay what is done here: a strong lock blocks their readers too, unseen from the primary (finding 10).
SELECT coalesce(nullif(application_name, ''), client_addr::text, 'pid ' || pid) AS name FROM pg_stat_replication
 ORDER BY 1

-- idle_slots --
-- Replication slots that nobody reads: they keep all WAL that the backfill writes (trap 84).
SELECT slot_name AS name FROM pg_replication_slots WHERE NOT active AND NOT temporary ORDER BY 1
