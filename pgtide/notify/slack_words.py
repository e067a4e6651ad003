"""What goes to Slack, as Slack reads it: nothing of a text is markup, and only we call people."""

import re
from typing import Final

from pgtide.notify.mailbox import Tell
from pgtide.notify.notice import Notice, Subject

# Slack cuts what is longer, from 4,000 characters on.
_MOST: Final = 3_500
_MENTIONED: Final = (
    (re.compile(r"[UW][A-Z0-9]{6,}"), "<@{name}>"),
    (re.compile(r"S[A-Z0-9]{6,}"), "<!subteam^{name}>"),
    (re.compile(r"here|channel|everyone"), "<!{name}>"),
)


def escaped(text: str) -> str:
    """Return a text that Slack shows as it is: a name such as `<!channel>` calls nobody."""
    short = text if len(text) <= _MOST else f"{text[:_MOST]} ..."
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mention(who: str | None) -> str:
    """Return what calls a user, a group or everybody by id or name; else the text as it stands."""
    name = (who or "").strip().lstrip("@")
    for pattern, calling in _MENTIONED:
        if pattern.fullmatch(name):
            return calling.format(name=name)
    return (who or "").strip()


def told(tell: Tell, subject: Subject, who: str | None) -> str:
    """Return notices as one message; whoever has to act is called in front of it."""
    urgent = any(one.urgent for one in tell.notices)
    link = f"\nRun: {subject.link}" if urgent and subject.link else ""
    text = escaped(_text(tell, subject) + link)
    calling = mention(who) if urgent else ""
    return f"{calling} {text}" if calling else text


def _text(tell: Tell, subject: Subject) -> str:
    *_, newest = tell.notices
    if len(tell.notices) == 1 and not tell.missed:
        late = f"\n(It happened at {_at(newest)}; Slack took nothing then.)"
        return newest.text + (late if tell.silent_since else "")
    since = f" from {tell.silent_since:%H:%M:%S} UTC on" if tell.silent_since else ""
    lines = [f"What Slack did not take{since}, in the order in which it happened:"]
    if tell.missed:
        lines.append(
            f"- the first {tell.missed:,} of it had no room; `pgtide history {subject.name}` has "
            "all that was recorded"
        )
    lines += [f"- {_at(one)} {one.what}" for one in tell.notices]
    return "\n".join([*lines, f"State: {newest.state}", f"To do: {newest.todo}"])


def _at(notice: Notice) -> str:
    return f"{notice.at:%H:%M:%S} UTC"
