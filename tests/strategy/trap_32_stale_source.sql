-- The source is read in a snapshot, the row is written as it is later: a write in between is lost.
WITH batch AS (
    SELECT id, email_verified FROM users WHERE email_verified_v2 IS NULL ORDER BY id LIMIT 1000
)
UPDATE users u SET email_verified_v2 = batch.email_verified FROM batch WHERE u.id = batch.id;
