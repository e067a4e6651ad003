-- Tabla de logging de migraciones
CREATE TABLE IF NOT EXISTS migration_log (
    id SERIAL PRIMARY KEY,
    version VARCHAR(255) NOT NULL,
    description TEXT,
    started_at TIMESTAMP DEFAULT NOW(),
    completed_at TIMESTAMP,
    status VARCHAR(50) DEFAULT 'RUNNING',
    duration_ms INTEGER,
    rows_affected INTEGER,
    error_message TEXT,
    rollback_available BOOLEAN DEFAULT false
);

-- Función para logging automático
CREATE OR REPLACE FUNCTION log_migration_start(
    p_version VARCHAR(255),
    p_description TEXT
) RETURNS INTEGER AS $$
DECLARE
    log_id INTEGER;
BEGIN
    INSERT INTO migration_log (version, description, started_at, status)
    VALUES (p_version, p_description, NOW(), 'RUNNING')
    RETURNING id INTO log_id;
    
    RETURN log_id;
END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION log_migration_complete(
    p_log_id INTEGER,
    p_rows_affected INTEGER DEFAULT NULL
) RETURNS VOID AS $$
BEGIN
    UPDATE migration_log 
    SET 
        completed_at = NOW(),
        status = 'SUCCESS',
        duration_ms = EXTRACT(EPOCH FROM (NOW() - started_at)) * 1000,
        rows_affected = p_rows_affected
    WHERE id = p_log_id;
END;
$$ LANGUAGE plpgsql;
