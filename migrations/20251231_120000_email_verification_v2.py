"""Email verification moves to v2 columns."""

from flows import migration_flow
from pgtide import AddColumn, Index, Migration, ReplaceColumn

migration = Migration(
    version="2.1.0",
    description="Email verification v2",
    table="public.users",
    changes=[
        ReplaceColumn("email_verified", interim="email_verified_v2", type="boolean"),
        ReplaceColumn("verification_token", interim="verification_token_v2", type="varchar(255)"),
        AddColumn(
            "verified_at",
            type="timestamp",
            # Old rows: the best date there is. Live writes: the real date.
            backfill="CASE WHEN email_verified THEN created_at END",
            on_write="CASE WHEN email_verified THEN now() END",
            verify="(email_verified IS TRUE) = (verified_at IS NOT NULL)",
        ),
        # On the new column; it replaces the old index of that name.
        Index("idx_users_email_verified", on="email_verified", where="email_verified"),
    ],
    # Contract belongs to a later release than expand.
    contract_release="2.2.0",
)

flow = migration_flow(migration)
