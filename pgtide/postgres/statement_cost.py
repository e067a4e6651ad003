"""What a declared ALTER TABLE does to its whole table while everybody waits for it.

It is tried on an empty copy of the table. Where that cannot be, because a step before it makes what
it names or it reaches for another table, each command counts as the most it can cost.
"""

from types import MappingProxyType
from typing import Final

from postgast import parse, walk

from pgtide.model.expression import Cost
from pgtide.model.statement import Finding
from pgtide.model.table import TableName
from pgtide.postgres.ddl import search_path
from pgtide.postgres.session import Session
from pgtide.postgres.squawk import ERROR, WARNING
from pgtide.postgres.statement_keys import spelled
from pgtide.postgres.statement_lock import Node, kind_name
from pgtide.postgres.statement_trial import same, tried

_ORDER: Final = tuple(Cost)
_MOST: Final = MappingProxyType(
    {
        "AT_AlterColumnType": Cost.REWRITES,
        "AT_AttachPartition": Cost.READS,
        "AT_SetAccessMethod": Cost.REWRITES,
        "AT_SetExpression": Cost.REWRITES,
        "AT_SetLogged": Cost.REWRITES,
        "AT_SetNotNull": Cost.READS,
        "AT_SetTableSpace": Cost.REWRITES,
        "AT_SetUnLogged": Cost.REWRITES,
        "AT_ValidateConstraint": Cost.READS,
    }
)
# What reaches for no other table, and means the same on a temporary copy.
_TRIED: Final = frozenset(
    {
        "AT_AddColumn",
        "AT_AddConstraint",
        "AT_AlterColumnType",
        "AT_CheckNotNull",
        "AT_ColumnDefault",
        "AT_DropColumn",
        "AT_DropConstraint",
        "AT_DropExpression",
        "AT_DropNotNull",
        "AT_SetAccessMethod",
        "AT_SetExpression",
        "AT_SetNotNull",
        "AT_SetStatistics",
        "AT_SetStorage",
        "AT_ValidateConstraint",
    }
)
_MAKE_TYPES: Final = frozenset({"composite_type_stmt", "create_domain_stmt", "create_enum_stmt"})
_BUILT: Final = frozenset({"CONSTR_EXCLUSION", "CONSTR_PRIMARY", "CONSTR_UNIQUE"})
_CHECKED: Final = frozenset({"CONSTR_CHECK", "CONSTR_FOREIGN", "CONSTR_NOTNULL"})
_WRITTEN: Final = frozenset({"CONSTR_GENERATED", "CONSTR_IDENTITY"})
# ALTER DOMAIN's own letters: a constraint added, NOT NULL, a constraint validated.
_DOMAIN_READS: Final = frozenset({"C", "O", "V"})
_SERIAL: Final = frozenset({"bigserial", "serial", "serial2", "serial4", "serial8", "smallserial"})

_INSTEAD: Final = MappingProxyType(
    {
        "AT_AddColumn": "AddColumn adds it empty and fills it in small batches",
        "AT_AddConstraint": (
            "add it NOT VALID and VALIDATE it in a step of its own; a unique one from an index "
            "built CONCURRENTLY, by USING INDEX; a key's columns have to be NOT NULL before"
        ),
        "AT_AlterColumnType": "ReplaceColumn changes a type without that",
        "AT_SetExpression": "AddColumn with `backfill` and `on_write` keeps a computed value",
        "AT_SetNotNull": (
            "add CHECK (... IS NOT NULL) NOT VALID, VALIDATE it, then SET NOT NULL, and drop the "
            "CHECK"
        ),
    }
)
_OUTAGE: Final = "do it in a maintenance window of its own"
# What squawk says of the same, as far as it sees it.
_SAID: Final = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-primary-key-constraint",
        "ban-alter-domain-with-add-constraint",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
    }
)
_PROVED: Final = "adding-not-nullable-field"


def cost_of(session: Session, table: TableName, text: str, earlier: tuple[str, ...] | None) -> Cost:
    """Return what a statement costs, when the `earlier` ones of the migration have run.

    None says that a copy of the table as it is now would show nothing.
    """
    if _checks_domain(text):
        return Cost.READS
    commands = _commands(text)
    most = max((_most(one) for one in commands), key=_ORDER.index, default=Cost.NONE)
    # A domain's constraint is not to be seen in the text.
    if most is Cost.NONE and all(kind_name(one, "subtype") != "AT_AddColumn" for one in commands):
        return Cost.NONE
    if earlier is None or not all(_may_try(one) for one in commands):
        return most
    before = tuple(one for one in earlier if _prepares(one, text))
    # What is not tried, or is refused, may have dropped what proves a cheaper answer.
    if any(_unproves(one, text) for one in earlier if one not in before):
        return most
    after = tuple(filter(None, (spelled(session, table, one, earlier) for one in before)))
    trial = spelled(session, table, text, earlier)
    found = tried(session, search_path(table), trial, after=after)
    return most if found is None else found


def judged(text: str, cost: Cost, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the linter's findings with what is known of the cost.

    A finding of pgtide's own is added where the linter sees none.
    """
    if cost is Cost.NONE:
        return tuple(_lighter(one) if one.rule == _PROVED else one for one in findings)
    says = {
        Cost.READS: "It reads the whole table, or builds an index on it, while everybody waits",
        Cost.REWRITES: "It writes the whole table and its indexes anew while everybody waits",
    }[cost]
    advice = f"{says}: {_instead(text, cost)}."
    said = [one.rule for one in findings if one.rule in _SAID]
    if not said:
        return (*findings, Finding(rule=f"{cost}-whole-table", level=ERROR, message=advice))
    return tuple(
        Finding(rule=one.rule, level=ERROR, message=f"{one.message} {advice}")
        if one.rule == said[0]
        else one
        for one in findings
    )


def _lighter(one: Finding) -> Finding:
    known = "Tried on an empty copy, it reads nothing: a validated CHECK proves it."
    return Finding(rule=one.rule, level=WARNING, message=known)


def _instead(text: str, cost: Cost) -> str:
    costly = [one for one in _commands(text) if _most(one) is cost] or _commands(text)
    found = (_INSTEAD.get(kind_name(one, "subtype")) for one in costly)
    return next((one for one in found if one), _OUTAGE)


def _commands(text: str) -> list[Node]:
    node = parse(text).stmts[0].stmt
    if not node.HasField("alter_table_stmt"):
        return []
    altered = node.alter_table_stmt
    if kind_name(altered, "objtype") != "OBJECT_TABLE":
        return []
    return [one.alter_table_cmd for one in altered.cmds]


def _checks_domain(text: str) -> bool:
    node = parse(text).stmts[0].stmt
    if not node.HasField("alter_domain_stmt"):
        return False
    altered = node.alter_domain_stmt
    later = getattr(altered, "def").constraint.skip_validation
    return altered.subtype in _DOMAIN_READS and not later


def _most(command: Node) -> Cost:
    name = kind_name(command, "subtype")
    if name in _MOST:
        return _MOST[name]
    if name == "AT_AddConstraint":
        return _of_constraint(getattr(command, "def").constraint)
    if name == "AT_AddColumn":
        return _of_column(getattr(command, "def").column_def)
    return Cost.NONE


def _of_constraint(constraint: Node) -> Cost:
    kind = kind_name(constraint, "contype")
    reads = (kind in _CHECKED and not constraint.skip_validation) or (
        kind in _BUILT and (kind == "CONSTR_PRIMARY" or not constraint.indexname)
    )
    return Cost.READS if reads else Cost.NONE


def _of_column(column: Node) -> Cost:
    own = [one.constraint for one in column.constraints]
    kinds = {kind_name(one, "contype"): one for one in own}
    given = kinds.get("CONSTR_DEFAULT")
    constant = given is None or given.raw_expr.HasField("a_const")
    serial = column.type_name.names[-1].string.sval in _SERIAL
    if serial or not constant or kinds.keys() & _WRITTEN:
        return Cost.REWRITES
    # A new column is empty: NOT NULL is refused by rows or proved by its default, a key passes.
    checked = {"CONSTR_CHECK"} | ({"CONSTR_FOREIGN"} if given is not None else set())
    return Cost.READS if kinds.keys() & (_BUILT | checked) else Cost.NONE


def _may_try(command: Node) -> bool:
    foreign = any(
        type(one).__name__ == "Constraint" and kind_name(one, "contype") == "CONSTR_FOREIGN"
        for _, one in walk(command)
    )
    return kind_name(command, "subtype") in _TRIED and not foreign


def _prepares(text: str, later: str) -> bool:
    """Tell whether a statement may go before another on the copy: it alters nothing else."""
    node, other = (parse(one).stmts[0].stmt for one in (text, later))
    commands = _commands(text)
    if not commands:
        return node.WhichOneof("node") in _MAKE_TYPES
    tables = (node.alter_table_stmt.relation, other.alter_table_stmt.relation)
    return same(*tables) and all(_may_try(one) for one in commands)


def _unproves(text: str, later: str) -> bool:
    """Tell whether a statement drops a constraint of the table that another alters."""
    drops = any(kind_name(one, "subtype") == "AT_DropConstraint" for one in _commands(text))
    tables = (parse(one).stmts[0].stmt.alter_table_stmt.relation for one in (text, later))
    return drops and same(*tables)
