"""The shapes in which an application writes the strategy's table, in both releases' words."""

from datetime import datetime

from tests.scenarios.acts import Act, Computed, Default, Shape, aside, insert, update
from tests.scenarios.sync_model import Model, Row

# The rows that are there before expand; users.py spaces the ids by three.
KEYS = (3, 6, 9, 12, 15, 18)
OWN_DATE = datetime(2020, 2, 2, 2, 2, 2)  # noqa: DTZ001 -- the column is timestamp without zone
EMAIL = "new@example.org"


def flip(row: Row, name: str) -> object:
    value = row[name]
    return None if value is None else not value


def fresh(key: int = 101, **given: object) -> dict[str, object]:
    return {"id": key, "email": EMAIL, **given}


INSERTS = (
    Shape(name="insert true by the old name", acts=[insert(fresh(email_verified=True))]),
    Shape(name="insert false by the old name", acts=[insert(fresh(email_verified=False))]),
    Shape(name="insert NULL by the old name", acts=[insert(fresh(email_verified=None))]),
    Shape(name="insert true by the new name", acts=[insert(fresh(email_verified_v2=True))]),
    Shape(name="insert false by the new name", acts=[insert(fresh(email_verified_v2=False))]),
    # Not decidable where the old column has a default: the default wins (experiment 1).
    Shape(name="insert NULL by the new name", acts=[insert(fresh(email_verified_v2=None))]),
    Shape(
        name="insert both, agreeing",
        acts=[insert(fresh(email_verified=True, email_verified_v2=True))],
    ),
    Shape(
        name="insert both, contradicting: the new one wins",
        acts=[insert(fresh(email_verified=True, email_verified_v2=False))],
    ),
    Shape(name="insert neither", acts=[insert(fresh())]),
    Shape(
        name="insert DEFAULT by the old name and a value by the new",
        acts=[insert(fresh(email_verified=Default(), email_verified_v2=True))],
    ),
    Shape(
        name="insert a flag by its old name and a token by its new one",
        acts=[insert(fresh(email_verified=True, verification_token_v2="t"))],
    ),
    Shape(
        name="insert a row with the added column's own value",
        acts=[insert(fresh(email_verified=True, verified_at=OWN_DATE))],
    ),
    Shape(
        name="insert by the new name with the added column's own value",
        acts=[insert(fresh(email_verified_v2=True, verified_at=OWN_DATE))],
    ),
    # The application's word against its own: it gave the date itself, so it is left alone.
    Shape(
        name="insert a date without the flag",
        acts=[insert(fresh(email_verified=False, verified_at=OWN_DATE))],
    ),
    Shape(
        name="insert many rows at once",
        acts=[
            insert(
                *(
                    fresh(100 + i, email_verified=flag, verification_token=token)
                    for i, (flag, token) in enumerate([(True, "a"), (False, None), (True, None)])
                )
            )
        ],
    ),
    Shape(
        name="insert many rows by the new names, returning them",
        acts=[
            insert(
                *(fresh(100 + i, email_verified_v2=flag) for i, flag in enumerate([True, False])),
                tail=" RETURNING id, email_verified",
            )
        ],
    ),
)

_DUAL = {"email_verified": True, "email_verified_v2": True}
_FLIPPED = Computed(text="NOT email_verified", of=lambda row: flip(row, "email_verified"))

UPDATES = (
    *(
        Shape(name=f"update {name} to {value}", acts=[update({name: value}, keys=KEYS)])
        for name in ("email_verified", "email_verified_v2")
        # On a row not filled yet, NULL by the new name is no change, and is healed away.
        for value in (True, False, None)
    ),
    Shape(name="update to DEFAULT", acts=[update({"email_verified": Default()}, keys=KEYS)]),
    Shape(name="update both, agreeing", acts=[update(_DUAL, keys=KEYS)]),
    Shape(
        name="update both to each row's opposite",
        acts=[update({"email_verified": _FLIPPED, "email_verified_v2": _FLIPPED}, keys=KEYS)],
    ),
    Shape(
        name="update both, contradicting",
        acts=[update({"email_verified": True, "email_verified_v2": False}, keys=KEYS)],
    ),
    Shape(
        name="update both, contradicting, then something else: the old side wins",
        acts=[
            update({"email_verified": True, "email_verified_v2": False}, keys=KEYS),
            update({"name": "healed"}, keys=KEYS),
        ],
    ),
    Shape(
        name="update both to what the old one is not",
        acts=[
            update(
                {
                    "email_verified": _FLIPPED,
                    "email_verified_v2": Computed(
                        text="email_verified", of=lambda row: row["email_verified"]
                    ),
                },
                keys=KEYS,
            )
        ],
    ),
    Shape(name="update an unrelated column", acts=[update({"name": "other"}, keys=KEYS)]),
    Shape(
        name="update a column to itself",
        acts=[
            update(
                {
                    "email_verified": Computed(
                        text="email_verified", of=lambda row: row["email_verified"]
                    )
                },
                keys=KEYS,
            )
        ],
    ),
    Shape(
        name="update the flag by its old name and the token by its new one",
        acts=[update({"email_verified": _FLIPPED, "verification_token_v2": "t"}, keys=KEYS)],
    ),
    Shape(
        name="update all columns of both releases",
        acts=[
            update({**_DUAL, "verification_token": None, "verification_token_v2": None}, keys=KEYS)
        ],
    ),
    Shape(
        name="update as a dual writer that dates its writes itself",
        acts=[update({**_DUAL, "verified_at": OWN_DATE}, keys=KEYS)],
    ),
    Shape(
        name="update by the new name with a date of its own",
        acts=[update({"email_verified_v2": True, "verified_at": OWN_DATE}, keys=KEYS)],
    ),
    Shape(
        name="update the added column alone", acts=[update({"verified_at": OWN_DATE}, keys=KEYS)]
    ),
    Shape(name="update the backfill's source", acts=[update({"created_at": OWN_DATE}, keys=KEYS)]),
    Shape(
        name="update twice in one transaction, by either name",
        acts=[
            update({"email_verified": True}, keys=KEYS),
            update({"email_verified_v2": False}, keys=KEYS),
        ],
    ),
    Shape(
        name="insert by the old name, then update by the new",
        acts=[
            insert(fresh(email_verified=True)),
            update({"email_verified_v2": False}, keys=(101,)),
        ],
    ),
)


def _moved_key(model: Model) -> None:
    model.update(3, {"id": 303, "email_verified_v2": True})


ODD = (
    Shape(
        name="update the primary key with a flag",
        acts=[
            Act(
                text="UPDATE public.users SET id = 303, email_verified_v2 = true WHERE id = 3",
                effect=_moved_key,
            )
        ],
    ),
    Shape(
        name="update through a view",
        acts=[
            aside("CREATE VIEW public.v AS SELECT id, email_verified FROM public.users"),
            update({"email_verified": True}, keys=KEYS, table="public.v"),
        ],
    ),
    Shape(
        name="update as a replica's session",
        acts=[
            aside("SET LOCAL session_replication_role = replica"),
            update({"email_verified": True}, keys=KEYS),
            insert(fresh(email_verified_v2=True)),
        ],
    ),
)
