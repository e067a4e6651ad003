"""Statements that are several writes: upserts, COPY, MERGE, and an application's triggers."""

from tests.scenarios.acts import Act, Shape, aside, insert, update
from tests.scenarios.statement_shapes import EMAIL, INSERTS, KEYS, ODD, UPDATES, fresh
from tests.scenarios.sync_model import Model, Row

V15 = 150000


def _upsert(key: int, written: str, taken: str, value: object) -> Act:
    """Return INSERT ... ON CONFLICT DO UPDATE that writes a column and takes over another."""

    def effect(model: Model) -> None:
        # EXCLUDED is the proposed row as the BEFORE INSERT triggers left it.
        excluded = model.propose({"id": key, "email": EMAIL, written: value})
        if key in model.rows:
            model.update(key, {taken: excluded[taken]})
        else:
            model.insert({"id": key, "email": EMAIL, written: value})

    text = (
        f"INSERT INTO public.users (id, email, {written}) VALUES ({key}, '{EMAIL}', {value})"
        f" ON CONFLICT (id) DO UPDATE SET {taken} = excluded.{taken}"
    )
    return Act(text=text, effect=effect)


_FLAGS = ("email_verified", "email_verified_v2")
UPSERTS = tuple(
    Shape(
        name=f"upsert {value} by {written}, taking over {taken}",
        acts=[_upsert(key, written, taken, value) for key in (*KEYS, 101)],
    )
    for written in _FLAGS
    for taken in _FLAGS
    for value in (True, False)
)


def _copied(*rows: Row) -> Act:
    names = list(rows[0])
    lines = ["\t".join("\\N" if v is None else str(v) for v in row.values()) for row in rows]

    def effect(model: Model) -> None:
        for row in rows:
            model.insert(row)

    return Act(
        text=f"COPY public.users ({', '.join(names)}) FROM STDIN",
        effect=effect,
        copy="\n".join(lines) + "\n",
    )


COPIES = (
    Shape(
        name="copy by the old names",
        acts=[_copied(*(fresh(100 + i, email_verified=i % 2 == 0) for i in range(4)))],
    ),
    Shape(
        name="copy by the new names",
        acts=[
            _copied(
                *(
                    fresh(100 + i, email_verified_v2=i % 2 == 0, verification_token_v2="t")
                    for i in range(4)
                )
            )
        ],
    ),
    Shape(
        name="copy both, contradicting: the new one wins",
        acts=[_copied(fresh(email_verified=True, email_verified_v2=False))],
    ),
)


def _merged(name: str) -> Act:
    def effect(model: Model) -> None:
        for key in KEYS:
            model.update(key, {name: True})
        model.insert({"id": 101, "email": EMAIL, name: False})

    keys = ", ".join(f"({key})" for key in (*KEYS, 101))
    text = (
        f"MERGE INTO public.users t USING (VALUES {keys}) s (id) ON t.id = s.id"
        f" WHEN MATCHED THEN UPDATE SET {name} = true"
        f" WHEN NOT MATCHED THEN INSERT (id, email, {name}) VALUES (s.id, '{EMAIL}', false)"
    )
    return Act(text=text, effect=effect)


MERGES = tuple(Shape(name=f"merge by {name}", acts=[_merged(name)], since=V15) for name in _FLAGS)


def _own_trigger(body: str) -> Act:
    return aside(
        "CREATE FUNCTION public.own() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN new; END $$;"
        " CREATE TRIGGER zzz_own BEFORE INSERT OR UPDATE ON public.users"
        " FOR EACH ROW EXECUTE FUNCTION public.own()"
    )


def _spent(before: Row | None, row: Row) -> Row:
    del before
    return {**row, "email_verified": True} if row["verification_token"] == "spent" else row


def _spent_v2(before: Row | None, row: Row) -> Row:
    del before
    return {**row, "email_verified_v2": True} if row["verification_token"] == "spent" else row


def _forgetful(before: Row | None, row: Row) -> Row:
    if before is not None and row["email_verified_v2"] != before["email_verified_v2"]:
        return {**row, "verification_token": None}
    return row


APPLICATION_TRIGGERS = (
    Shape(
        name="an application's trigger sets the old flag",
        acts=[
            _own_trigger(
                "IF new.verification_token = 'spent' THEN new.email_verified := true; END IF;"
            ),
            update({"verification_token": "spent"}, keys=KEYS),
            insert(fresh(verification_token="spent")),
        ],
        own_triggers=(_spent,),
    ),
    Shape(
        name="an application's trigger sets the new flag",
        acts=[
            _own_trigger(
                "IF new.verification_token = 'spent' THEN new.email_verified_v2 := true; END IF;"
            ),
            update({"verification_token": "spent"}, keys=KEYS),
            insert(fresh(verification_token="spent")),
        ],
        own_triggers=(_spent_v2,),
    ),
    Shape(
        name="an application's trigger forgets the token when the new flag moves",
        acts=[
            _own_trigger(
                "IF tg_op = 'UPDATE' AND new.email_verified_v2 IS DISTINCT FROM"
                " old.email_verified_v2 THEN new.verification_token := NULL; END IF;"
            ),
            update({"email_verified_v2": True}, keys=KEYS),
        ],
        own_triggers=(_forgetful,),
    ),
)

SHAPES = (*INSERTS, *UPDATES, *ODD, *UPSERTS, *COPIES, *MERGES, *APPLICATION_TRIGGERS)
