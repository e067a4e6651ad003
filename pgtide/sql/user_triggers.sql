-- checked_by_triggers --
-- Constraints that the server's own triggers check, and that a written column is part of, on either side.
SELECT format('the constraint %%I of %%s', c.conname, c.conrelid::regclass) AS name
  FROM pg_constraint c
 WHERE (c.conrelid = %(oid)s AND (c.contype = 'f' OR (c.contype IN ('p', 'u', 'x') AND c.condeferrable))
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                     AND a.attname = ANY (%(columns)s)))
    OR (c.confrelid = %(oid)s AND c.contype = 'f'
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey)
                     AND a.attname = ANY (%(columns)s)))
 ORDER BY 1

-- replica_only --
-- Triggers and rules on UPDATE that work in the role of a replica alone; bit 16 of tgtype is UPDATE, event 2 too.
SELECT format('the trigger %%I', tgname) AS name FROM pg_trigger
 WHERE tgrelid = %(oid)s AND NOT tgisinternal AND tgenabled = 'R' AND (tgtype & 16) <> 0
 UNION ALL
SELECT format('the rule %%I', rulename) FROM pg_rewrite WHERE ev_class = %(oid)s AND ev_enabled = 'R' AND ev_type = '2'
 ORDER BY 1
