-- Migration: 001_add_email_verification_v2.sql
-- Timestamp: 20251231_120000

BEGIN;

-- Crear nuevas columnas
ALTER TABLE users 
ADD COLUMN email_verified_v2 BOOLEAN DEFAULT NULL,
ADD COLUMN verification_token_v2 VARCHAR(255) DEFAULT NULL,
ADD COLUMN verified_at_v2 TIMESTAMP DEFAULT NULL;

-- Crear índices para performance
CREATE INDEX CONCURRENTLY idx_users_email_verified_v2 
ON users(email_verified_v2) 
WHERE email_verified_v2 IS NOT NULL;

-- Logging
INSERT INTO migration_log (version, description, executed_at, status)
VALUES ('001', 'Add email verification v2 columns', NOW(), 'SUCCESS');

COMMIT;
