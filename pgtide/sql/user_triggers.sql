-- checked_by_triggers --
-- Constraints that the server's own triggers check, and that a written column is part of, on either side; a partition may
-- have some of its own.
WITH parts AS (SELECT %(oid)s::oid AS oid UNION SELECT relid FROM pg_partition_tree(%(oid)s::oid))
SELECT format('the constraint %%I of %%s', c.conname, c.conrelid::regclass) AS name
  FROM pg_constraint c
 WHERE c.conparentid = 0
   AND ((c.contype = 'f' OR (c.contype IN ('p', 'u', 'x') AND c.condeferrable)) AND c.conrelid IN (SELECT oid FROM parts)
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                     AND a.attname = ANY (%(columns)s))
        OR c.contype = 'f' AND c.confrelid IN (SELECT oid FROM parts)
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey)
                     AND a.attname = ANY (%(columns)s)))
 ORDER BY 1

-- replica_only --
-- Triggers and rules on UPDATE that work in the role of a replica alone; bit 16 of tgtype is UPDATE, event 2 too.
WITH parts AS (SELECT %(oid)s::oid AS oid UNION SELECT relid FROM pg_partition_tree(%(oid)s::oid))
SELECT format('the trigger %%I', tgname) AS name FROM pg_trigger
 WHERE tgrelid IN (SELECT oid FROM parts) AND NOT tgisinternal AND tgenabled = 'R' AND (tgtype & 16) <> 0
 UNION
SELECT format('the rule %%I', rulename) FROM pg_rewrite
 WHERE ev_class IN (SELECT oid FROM parts) AND ev_enabled = 'R' AND ev_type = '2'
 ORDER BY 1
