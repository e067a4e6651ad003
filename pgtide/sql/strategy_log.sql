-- The strategy's own names, working as it wrote them: bigint where an integer would overflow, timestamptz for timestamp.

CREATE TABLE IF NOT EXISTS {log}.migration_log (
    id bigserial PRIMARY KEY,
    version varchar(255) NOT NULL,
    description text,
    started_at timestamptz DEFAULT now(),
    completed_at timestamptz,
    status varchar(50) DEFAULT 'RUNNING',
    duration_ms bigint,
    rows_affected bigint,
    error_message text,
    rollback_available boolean DEFAULT false,
    CONSTRAINT migration_log_status CHECK (status IN ('RUNNING', 'SUCCESS', 'FAILED', 'ROLLED_BACK', 'ROLLBACK_FAILED'))
);

CREATE OR REPLACE FUNCTION {log}.log_migration_start(p_version varchar(255), p_description text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    log_id bigint;
BEGIN
    INSERT INTO {log}.migration_log (version, description, started_at, status)
    VALUES (p_version, p_description, now(), 'RUNNING')
    RETURNING id INTO log_id;
    RETURN log_id;
END
$$;

CREATE OR REPLACE FUNCTION {log}.log_migration_complete(p_log_id bigint, p_rows_affected bigint DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {log}.migration_log
       SET completed_at = now(), status = 'SUCCESS',
           duration_ms = extract(epoch FROM now() - started_at) * 1000,
           rows_affected = p_rows_affected
     WHERE id = p_log_id;
END
$$;
