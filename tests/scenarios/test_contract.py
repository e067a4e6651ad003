"""Contract: the final names for the new columns, once, and never on a proof that has gone."""


from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.later import contract, purge, to_verified
from tests.table_state import schema_dump
from tests.users import MIGRATION_ID, create_users, email_migration


def test_the_whole_way_and_back(database: str) -> None:
    create_users(database, rows=500)
    before = schema_dump(database)
    migrate(database, email_migration())
    verified = schema_dump(database)
    assert contract(database, MIGRATION_ID).state is State.CONTRACTED
    assert to_verified(database, MIGRATION_ID).state is State.VERIFIED
    assert schema_dump(database) == verified
    assert contract(database, MIGRATION_ID).state is State.CONTRACTED
    assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
    assert schema_dump(database) == before
    migrate(database, email_migration())
    contract(database, MIGRATION_ID)
    assert purge(database, MIGRATION_ID).state is State.COMPLETED
    print(schema_dump(database))
