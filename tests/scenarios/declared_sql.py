"""A migration of statements that the catalogue lacks, in each of the ways they are carried out."""

from pgtide import AddColumn, Migration, Sql
from tests.small_table import small_migration


def declared() -> Migration:
    """Return it: a constraint by way of its index, one validated, an index dropped."""
    return small_migration(
        AddColumn("n", type="int", backfill="a"),
        Sql(
            phase="expand",
            up="ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID",
            down="ALTER TABLE t DROP CONSTRAINT positive",
        ),
        Sql(phase="finalize", up="ALTER TABLE public.t VALIDATE CONSTRAINT positive", down=""),
        Sql(
            phase="finalize",
            up="CREATE UNIQUE INDEX CONCURRENTLY t_a ON public.t (a)",
            down="DROP INDEX CONCURRENTLY IF EXISTS public.t_a",
        ),
        Sql(
            phase="finalize",
            up="ALTER TABLE t ADD CONSTRAINT t_a UNIQUE USING INDEX t_a",
            # From here on the index cannot be dropped before the constraint.
            down="ALTER TABLE t DROP CONSTRAINT t_a",
        ),
        Sql(
            phase="finalize",
            up="DROP INDEX CONCURRENTLY public.t_old",
            down="CREATE INDEX CONCURRENTLY t_old ON public.t (a)",
        ),
        Sql(
            phase="finalize",
            up="CREATE VIEW doubled AS SELECT id, a * 2 AS twice FROM t",
            down="DROP VIEW doubled",
        ),
    )


SHAPE = """
SELECT 'constraint ' || conname || ' ' || convalidated || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE conrelid = 'public.t'::regclass
UNION ALL
SELECT 'index ' || indisvalid || ' ' || pg_get_indexdef(indexrelid)
  FROM pg_index WHERE indrelid = 'public.t'::regclass
UNION ALL
SELECT 'column ' || attname FROM pg_attribute
 WHERE attrelid = 'public.t'::regclass AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'view ' || relname || ' ' || pg_get_viewdef(oid) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
 ORDER BY 1
"""
