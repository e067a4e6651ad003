"""What squawk, a linter for migrations, says of one statement.

It calls everything a warning but a syntax error. Here a finding is an error where the statement
would break a running release, or keep it waiting while the whole table is read or rewritten.
"""

import json
import shutil
import subprocess
import sysconfig
from typing import Final

from pgtide.errors import Refused
from pgtide.model.statement import Finding

ERROR: Final = "error"
WARNING: Final = "warning"
_SECONDS: Final = 30

# What pgtide does for every statement: limits, transactions, and steps that can run again.
_OURS: Final = (
    "prefer-robust-stmts",
    "require-lock-timeout",
    "require-statement-timeout",
    "require-timeout-settings",
)
_GRAVE: Final = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-primary-key-constraint",
        "adding-required-field",
        "adding-serial-primary-key-field",
        "ban-alter-domain-with-add-constraint",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-schema",
        "ban-drop-table",
        "ban-drop-type",
        "ban-drop-view",
        "ban-truncate-cascade",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "renaming-column",
        "renaming-table",
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
        "require-concurrent-reindex",
    }
)


def findings(text: str, *, version: int, together: bool) -> tuple[Finding, ...]:
    """Return what the linter finds, for a server's version as libpq gives it (150018 for 15.18)."""
    command = [_program(), "--reporter", "json", "--config", "/dev/null"]
    command += ["--exclude", ",".join(_OURS), "--pg-version", f"{version // 10000}.0"]
    command += ["--assume-in-transaction"] if together else []
    said = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    try:
        found = json.loads(said.stdout)
    except json.JSONDecodeError as error:
        raise Refused(
            f"The linter squawk failed: {said.stderr.strip()[-300:]}",
            state="Nothing was changed.",
            remedy="Install the pinned packages again (`make setup`).",
        ) from error
    return tuple(dict.fromkeys(_finding(one) for one in found))


def _finding(one: dict[str, str]) -> Finding:
    rule = one["rule_name"]
    grave = rule in _GRAVE or one["level"].lower() == ERROR
    advice = (one["message"], one.get("help") or "")
    return Finding(rule=rule, level=ERROR if grave else WARNING, message=" ".join(advice).strip())


def _program() -> str:
    # Beside this Python: what the pinned package installed, whatever the PATH says.
    found = shutil.which("squawk", path=sysconfig.get_path("scripts")) or shutil.which("squawk")
    if found is None:
        raise Refused(
            "squawk, which reads declared statements, is not installed.",
            state="Nothing was changed.",
            remedy="Install the pinned packages again (`make setup`).",
        )
    return found
