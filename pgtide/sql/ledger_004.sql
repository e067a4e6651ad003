-- The live rate: what an operator set with `pgtide throttle`; null is what the settings and the migration say.
ALTER TABLE pgtide.control
    ADD COLUMN duty double precision CHECK (duty BETWEEN 0.05 AND 1),
    ADD COLUMN batch_ms double precision CHECK (batch_ms > 0),
    ADD COLUMN rate_by text,
    ADD COLUMN rate_at timestamptz;

-- Who paused a migration: a window's pause ends with its next opening, an operator's with `pgtide resume` alone.
ALTER TABLE pgtide.migration ADD COLUMN paused_by text CHECK (paused_by IN ('operator', 'window'));
UPDATE pgtide.migration SET paused_by = 'operator' WHERE state = 'paused';
ALTER TABLE pgtide.migration
    ADD CONSTRAINT paused_by_somebody CHECK ((state = 'paused') = (paused_by IS NOT NULL));
