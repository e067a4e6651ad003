-- Verificar integridad
DO $$
DECLARE
    mismatch_count INTEGER;
BEGIN
    SELECT COUNT(*) INTO mismatch_count
    FROM users 
    WHERE email_verified != email_verified_v2;
    
    IF mismatch_count > 0 THEN
        RAISE EXCEPTION 'Data integrity check failed: % mismatches found', mismatch_count;
    END IF;
    
    RAISE NOTICE 'Data integrity check passed';
END $$;
