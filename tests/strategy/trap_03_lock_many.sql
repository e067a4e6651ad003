-- One lock_timeout for three tables: it counts each lock by itself, not the statement.
SET lock_timeout = '400ms';
LOCK TABLE one, two, three IN ACCESS EXCLUSIVE MODE;
