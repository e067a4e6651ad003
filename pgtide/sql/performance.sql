-- performance_there --
-- Whether this ledger measures queries: it may not have been brought up to date yet.
SELECT to_regclass('pgtide.performance') IS NOT NULL

-- record_measurement --
-- Keep what a declared query took at one moment.
INSERT INTO pgtide.performance (migration_id, attempt, ordinal, moment, query, max_ms, median_ms, scans, blocks, plan)
VALUES (%(id)s, %(attempt)s, %(ordinal)s, %(moment)s, %(query)s, %(max_ms)s, %(median_ms)s, %(scans)s, %(blocks)s,
        %(plan)s)

-- measurements --
-- The newest measurement of each query and moment of an attempt, the newest last.
SELECT p.ordinal, p.moment, p.query, p.max_ms, p.median_ms, p.scans, p.blocks, p.plan
  FROM (SELECT DISTINCT ON (moment, ordinal) * FROM pgtide.performance
         WHERE migration_id = %(id)s AND attempt = %(attempt)s ORDER BY moment, ordinal, id DESC) p
 ORDER BY p.id
