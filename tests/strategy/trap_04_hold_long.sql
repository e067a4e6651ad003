-- A lock_timeout bounds the wait for a lock, not how long it is held: to the end of the transaction.
BEGIN;
SET LOCAL lock_timeout = '150ms';
ALTER TABLE users ADD COLUMN email_verified_v2 boolean;
UPDATE users SET email_verified_v2 = email_verified;
SELECT pg_sleep(1);
COMMIT;
