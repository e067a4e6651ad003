-- Migration: 002_backfill_email_verification_v2.sql
-- Ejecutar en batches para evitar locks largos

DO $$
DECLARE
    batch_size INTEGER := 10000;
    processed INTEGER := 0;
    total_rows INTEGER;
BEGIN
    -- Contar total de filas a procesar
    SELECT COUNT(*) INTO total_rows 
    FROM users 
    WHERE email_verified_v2 IS NULL;
    
    RAISE NOTICE 'Starting backfill of % rows', total_rows;
    
    WHILE EXISTS (
        SELECT 1 FROM users 
        WHERE email_verified_v2 IS NULL 
        LIMIT 1
    ) LOOP
        -- Procesar batch
        UPDATE users 
        SET 
            email_verified_v2 = email_verified,
            verification_token_v2 = verification_token,
            verified_at_v2 = CASE 
                WHEN email_verified THEN created_at 
                ELSE NULL 
            END
        WHERE id IN (
            SELECT id FROM users 
            WHERE email_verified_v2 IS NULL 
            LIMIT batch_size
        );
        
        processed := processed + batch_size;
        
        RAISE NOTICE 'Processed % of % rows (%.1f%%)', 
            processed, total_rows, 
            (processed::float / total_rows * 100);
        
        -- Pausa para evitar saturar la DB
        PERFORM pg_sleep(0.1);
    END LOOP;
    
    RAISE NOTICE 'Backfill completed successfully';
END $$;
