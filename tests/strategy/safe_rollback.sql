-- Función de rollback con validación
CREATE OR REPLACE FUNCTION safe_rollback_migration(
    p_version VARCHAR(255)
) RETURNS BOOLEAN AS $$
DECLARE
    migration_record RECORD;
    rollback_sql TEXT;
BEGIN
    -- Verificar que la migración existe y tiene rollback
    SELECT * INTO migration_record
    FROM migration_log 
    WHERE version = p_version 
    AND status = 'SUCCESS'
    AND rollback_available = true;
    
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Migration % not found or rollback not available', p_version;
    END IF;
    
    -- Ejecutar rollback
    BEGIN
        -- Aquí iría la lógica específica de rollback
        RAISE NOTICE 'Rolling back migration %', p_version;
        
        -- Marcar como rolled back
        UPDATE migration_log 
        SET status = 'ROLLED_BACK', completed_at = NOW()
        WHERE version = p_version;
        
        RETURN true;
        
    EXCEPTION WHEN OTHERS THEN
        -- Log error
        UPDATE migration_log 
        SET status = 'ROLLBACK_FAILED', error_message = SQLERRM
        WHERE version = p_version;
        
        RETURN false;
    END;
END;
$$ LANGUAGE plpgsql;
