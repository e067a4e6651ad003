-- Migration: 003_cleanup_email_verification_old.sql
-- Ejecutar solo después de confirmar que todo funciona

BEGIN;

-- Verificar que no hay referencias a columnas antiguas
DO $$
BEGIN
    -- Aquí podrían ir checks adicionales
    RAISE NOTICE 'Starting cleanup of old email verification columns';
END $$;

-- Eliminar índices antiguos
DROP INDEX IF EXISTS idx_users_email_verified;

-- Eliminar columnas antiguas
ALTER TABLE users 
DROP COLUMN IF EXISTS email_verified,
DROP COLUMN IF EXISTS verification_token;

-- Renombrar columnas nuevas
ALTER TABLE users 
RENAME COLUMN email_verified_v2 TO email_verified;
ALTER TABLE users 
RENAME COLUMN verification_token_v2 TO verification_token;
ALTER TABLE users 
RENAME COLUMN verified_at_v2 TO verified_at;

-- Recrear índices con nombres correctos
CREATE INDEX idx_users_email_verified 
ON users(email_verified) 
WHERE email_verified = true;

-- Logging
INSERT INTO migration_log (version, description, executed_at, status)
VALUES ('003', 'Cleanup old email verification columns', NOW(), 'SUCCESS');

COMMIT;
