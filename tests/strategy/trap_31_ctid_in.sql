-- A row that another session has moved meanwhile has another ctid: it is passed over, silently.
UPDATE users SET email_verified_v2 = email_verified
 WHERE ctid IN (SELECT ctid FROM users WHERE email_verified_v2 IS NULL LIMIT 1000);
