-- there --
-- Whether this ledger has approvals: one of an older pgtide has not.
SELECT to_regclass('pgtide.approval') IS NOT NULL

-- keep --
-- Write a decision down, bound to the attempt, to the declaration and to a verification.
INSERT INTO pgtide.approval (migration_id, attempt, gate, approved, actor, typed_by, account, reason, checksum,
                             verification_id, mended)
VALUES (%(id)s, %(attempt)s, %(gate)s, %(approved)s, %(actor)s, %(typed_by)s, %(account)s, %(reason)s, %(checksum)s,
        %(verification_id)s, %(mended)s)

-- newest --
-- The newest decision on a gate: the one that counts, if any does.
SELECT gate, approved, actor, typed_by, account, role::text AS role, reason, at, attempt, checksum, verification_id,
       mended
  FROM pgtide.approval WHERE migration_id = %(id)s AND gate = %(gate)s ORDER BY id DESC LIMIT 1

-- verifications_since --
-- The verdicts from one on, oldest first.
SELECT id, passed, checksum, fingerprint FROM pgtide.verification
 WHERE migration_id = %(id)s AND id >= %(first)s ORDER BY id

-- newest_verification --
-- The newest verdict, as far as decisions depend on it.
SELECT id, passed, checksum, fingerprint FROM pgtide.verification
 WHERE migration_id = %(id)s ORDER BY id DESC LIMIT 1

-- undone_at --
-- When an undo of the present attempt last ended.
SELECT p.ended_at FROM pgtide.phase p JOIN pgtide.migration m ON m.id = p.migration_id AND m.attempt = p.attempt
 WHERE p.migration_id = %(id)s AND p.phase = 'rollback'

-- starters --
-- Who had started the present attempt by then: the actors of its runs. A run that only verified has changed nothing,
-- and looking again is what whoever approves should do.
SELECT DISTINCT r.actor FROM pgtide.run r JOIN pgtide.migration m ON m.id = r.migration_id AND m.attempt = r.attempt
 WHERE m.id = %(id)s AND (%(before)s::timestamptz IS NULL OR r.started_at < %(before)s)
   AND coalesce((SELECT bool_or(e.detail ->> 'phase' <> 'verify') FROM pgtide.event e
                  WHERE e.migration_id = m.id AND e.run_id = r.id AND e.kind = 'phase_began'), true)

-- form_open --
-- Whether the last that happened at a gate in this attempt is that a run put the question in its form.
SELECT e.kind = 'asked' AND (e.detail ->> 'attempt')::int = m.attempt
  FROM pgtide.event e JOIN pgtide.migration m ON m.id = e.migration_id
 WHERE m.id = %(id)s AND e.kind IN ('asked', 'approved', 'rejected') AND e.detail ->> 'gate' = %(gate)s
 ORDER BY e.id DESC LIMIT 1
