#!/bin/bash
# emergency_rollback.sh

set -euo pipefail

MIGRATION_VERSION=${1:-}
NAMESPACE=${2:-tamv-prod}

if [ -z "$MIGRATION_VERSION" ]; then
    echo "Usage: $0 <migration_version> [namespace]"
    exit 1
fi

echo "🚨 EMERGENCY ROLLBACK: $MIGRATION_VERSION"
echo "Namespace: $NAMESPACE"
echo ""

# Confirmar rollback
read -p "Are you sure you want to rollback migration $MIGRATION_VERSION? (yes/no): " confirm
if [ "$confirm" != "yes" ]; then
    echo "Rollback cancelled"
    exit 0
fi

# Ejecutar rollback
kubectl exec -n "$NAMESPACE" deployment/tamv-core -- \
    node -e "
        const { Pool } = require('pg');
        const db = new Pool({ connectionString: process.env.DATABASE_URL });
        
        (async () => {
            try {
                const result = await db.query(
                    'SELECT safe_rollback_migration(\$1)',
                    ['$MIGRATION_VERSION']
                );
                
                if (result.rows[0].safe_rollback_migration) {
                    console.log('✅ Rollback completed successfully');
                } else {
                    console.log('❌ Rollback failed');
                    process.exit(1);
                }
            } catch (error) {
                console.error('❌ Rollback error:', error.message);
                process.exit(1);
            } finally {
                await db.end();
            }
        })();
    "

echo "🔄 Rollback completed. Verify application functionality."
