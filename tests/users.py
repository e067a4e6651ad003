"""The strategy's table and its migration, as tests use them."""

import psycopg

from pgtide import AddColumn, Index, Migration, ReplaceColumn

# How the old column stands in the table: the three kinds that the sync triggers must serve alike.
NULLABLE = "boolean"
DEFAULTED = "boolean DEFAULT false"
REQUIRED = "boolean NOT NULL DEFAULT false"

MIGRATION_ID = "20251231_120000_email_verification_v2"

_TABLE = """
CREATE TABLE public.users (
    id bigint PRIMARY KEY,
    email text NOT NULL,
    email_verified {kind},
    verification_token varchar(255),
    name text,
    created_at timestamp NOT NULL DEFAULT now(),
    updated_at timestamp
);
CREATE INDEX idx_users_email_verified ON public.users (email_verified) WHERE email_verified;
CREATE INDEX users_created ON public.users (created_at);
"""

# Gaps in the ids; a fifth of the flags NULL where the column allows it; rows of differing width.
_ROWS = """
INSERT INTO public.users (id, email, email_verified, verification_token, name, created_at)
SELECT i * 3, 'user' || i || '@example.org',
       CASE i %% 5 WHEN 0 THEN {nothing} WHEN 1 THEN true ELSE i %% 2 = 0 END,
       CASE WHEN i %% 3 = 0 THEN md5(i::text) END, repeat('x', i %% 60),
       timestamp '2024-01-01' + i * interval '1 minute'
  FROM generate_series(1, %(rows)s) AS i
"""


def create_users(url: str, *, rows: int = 5000, kind: str = DEFAULTED) -> None:
    """Create and fill the strategy's table `public.users`."""
    nothing = "false" if kind == REQUIRED else "NULL"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE.format(kind=kind).encode())
        connection.execute(_ROWS.format(nothing=nothing).encode(), {"rows": rows})
        connection.execute("ANALYZE public.users")


def email_migration(migration_id: str = MIGRATION_ID, version: str = "2.1.0") -> Migration:
    """Return the strategy's example migration."""
    return Migration(
        id=migration_id,
        version=version,
        description="Email verification v2",
        table="public.users",
        changes=[
            ReplaceColumn("email_verified", interim="email_verified_v2", type="boolean"),
            ReplaceColumn(
                "verification_token", interim="verification_token_v2", type="varchar(255)"
            ),
            AddColumn(
                "verified_at",
                type="timestamp",
                backfill="CASE WHEN email_verified THEN created_at END",
                on_write="CASE WHEN email_verified THEN now() END",
                verify="(email_verified IS TRUE) = (verified_at IS NOT NULL)",
            ),
            Index("idx_users_email_verified", on="email_verified", where="email_verified"),
        ],
        contract_release="2.2.0",
    )
