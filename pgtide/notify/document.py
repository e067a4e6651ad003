"""A notice as a JSON object: docs/notifications.md says what each field means."""

import json
from datetime import UTC

from pgtide.notify.notice import Notice, Subject


def document(notice: Notice, subject: Subject, *, missed: int = 0) -> str:
    """Return one line of JSON."""
    found = {
        "at": notice.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "kind": notice.kind.value,
        "id": subject.id,
        "version": subject.version,
        "table": subject.table,
        "phase": notice.phase,
        "state": notice.stand,
        "urgent": notice.urgent,
        "text": notice.text,
        "environment": subject.environment or None,
        "target": subject.target or None,
        "actor": subject.actor or None,
        "run": subject.link,
        "missed": missed,
    }
    return json.dumps(found, ensure_ascii=False)
