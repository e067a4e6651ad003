-- Partitioned tables: each slice is a range of blocks of one leaf, and only there.
ALTER TABLE pgtide.slice ADD COLUMN leaf oid;
UPDATE pgtide.slice s SET leaf = m.table_oid FROM pgtide.migration m WHERE m.id = s.migration_id;
ALTER TABLE pgtide.slice ALTER leaf SET NOT NULL, DROP CONSTRAINT one_place,
    ADD CONSTRAINT one_place UNIQUE (migration_id, attempt, kind, round, ordinal, leaf, filenode);
