"""A gate's question on half a page: what is confirmed, what it stands on, and what would go."""

from collections.abc import Iterator, Mapping

from pgtide.operate.backups import BackupStatus
from pgtide.operate.question import Question
from pgtide.operate.verified import VerificationStatus


def gate_page(asked: Question, links: Mapping[str, str], *, four_eyes: bool = False) -> str:
    """Return the question as Markdown; `links` lead to the other pages."""
    record, gate = asked.record, asked.gate
    confirms = f"By approving you confirm that {gate.asks}. So far: {gate.why}."
    parts = [
        f"**{record.description} ({record.version}): may {gate.before} begin?** {confirms}",
        _verification(asked.verification),
        _backup(asked.backup),
    ]
    if asked.losses:
        parts.append("What goes for good:\n\n" + "\n".join(asked.losses))
    if links:
        parts.append("See " + ", ".join(f"[{name}]({url})" for name, url in links.items()) + ".")
    parts += _elsewhere(asked, four_eyes=four_eyes)
    return "\n\n".join(parts) + "\n"


def _verification(seen: VerificationStatus | None) -> str:
    if seen is None:
        return "Verification: none yet in this attempt."
    verdict = "passed" if seen.passed else "failed"
    void = f" It holds no more: {seen.withdrawn}." if seen.withdrawn else ""
    return (
        f"Verification {verdict} at level {seen.level} on {seen.at:%Y-%m-%d %H:%M} UTC: "
        f"{seen.mismatches:,} of {seen.rows:,} rows out of step.{void}"
    )


def _backup(last: BackupStatus | None) -> str:
    if last is None:
        return "Backup: none was taken."
    rows = "" if last.rows is None else f", {last.rows:,} rows"
    told = "restored on trial and compared" if last.passed else f"not usable: {last.state}"
    shape = "" if last.old_shape else "; the old columns are not in it"
    return f"Backup {last.id} of {last.taken_at:%Y-%m-%d %H:%M} UTC{rows}: {told}{shape}."


def _elsewhere(asked: Question, *, four_eyes: bool) -> Iterator[str]:
    command = f"`pgtide approve {asked.record.version} {asked.gate.gate} --reason TEXT`"
    if four_eyes:
        yield (
            "PGTIDE_FOUR_EYES is set, and a form cannot tell who fills it in: approve with "
            f"{command}, from an account of your own. The run goes on by itself then."
        )
    else:
        yield f"Or decide with {command}; the run goes on by itself then."
