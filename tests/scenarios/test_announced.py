"""A run on a real database is announced in a Slack on this machine, and never waits for it."""

import re
import time
from dataclasses import replace
from urllib.parse import urlsplit

import psycopg
import pytest

from pgtide import Migration, ReplaceColumn
from pgtide.errors import LockNotAcquired, Refused
from pgtide.events import BatchCommitted, Event, PhaseBegan, WayBackClosed
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.notify.notice import Subject
from pgtide.operate.announce import announced
from pgtide.phases.quarantine import Quarantined
from pgtide.settings import Settings
from tests.announcing import LINK, QUICK, carry
from tests.driving import patient, settings_for
from tests.poisoned import create_poisoned_users
from tests.slack_server import (
    CHANNEL_ID,
    TOKEN,
    WEBHOOK_PATH,
    Hang,
    Http,
    SlackServer,
    slack,
    until,
)
from tests.small_table import create_small, run, small_migration
from tests.users import MIGRATION_ID, create_users, email_migration

__all__ = ["slack"]

ROWS = 20_000


def quick(settings: Settings) -> Settings:
    return replace(settings, notify_every=QUICK)


def in_order(slack: SlackServer) -> list[str]:
    return [text for _, text in slack.replies]


def slowly(event: Event) -> None:
    """Give the notifier time for some looks at the ledger between two batches."""
    if isinstance(event, BatchCommitted):
        time.sleep(0.02)


def test_a_run_is_one_message_edited_in_place_with_a_reply_for_each_phase(
    database: str, slack: SlackServer
) -> None:
    create_users(database, rows=ROWS)
    carry(quick(slack.settings(settings_for(database))), email_migration(), emit=slowly)
    [(stamp, versions)] = slack.messages.items()
    assert {thread for thread, _ in slack.replies} == {stamp}
    phases = ["expand", "backfill", "finalize", "verify"]
    assert [text.split(" of ")[0] for text in in_order(slack)[:-1]] == phases
    done = in_order(slack)[-1]
    assert done.startswith("Done: 2.1.0 of public.users is verified.")
    assert "level L2 compared 20,000 rows, none out of step" in done
    assert "`pgtide approve 2.1.0 contract --reason TEXT`" in done
    assert versions[0].startswith(f"[at work] {MIGRATION_ID} 2.1.0: Email verification v2\n")
    assert versions[-1].startswith(f"[done] {MIGRATION_ID} 2.1.0")
    shares = [float(one) for text in versions for one in re.findall(r"([\d.]+) %", text)]
    assert len(set(shares)) > 1, versions
    assert shares == sorted(shares)
    assert all(LINK in text for text in versions)
    assert slack.calls[0].path == "/api/chat.postMessage"
    assert {call.body["channel"] for call in slack.calls[1:]} == {CHANNEL_ID}
    # Nobody had to act.
    assert "<!" not in slack.everything


def test_a_run_that_finds_nothing_to_do_tells_nobody(database: str, slack: SlackServer) -> None:
    create_small(database)
    migration = small_migration(ReplaceColumn("a", type="bigint"))
    settings = quick(slack.settings(settings_for(database)))
    carry(settings, migration)
    before = len(slack.calls)
    assert before
    carry(settings, migration)
    assert len(slack.calls) == before


def test_a_refusal_is_told_where_nobody_sits_before_it(database: str, slack: SlackServer) -> None:
    migration = small_migration(ReplaceColumn("a", type="bigint"))
    settings = quick(slack.settings(settings_for(database)))
    with pytest.raises(Refused):
        carry(settings, migration, attended=True)
    assert slack.calls == []
    with pytest.raises(Refused) as refused:
        carry(settings, migration)
    [(_, [text])] = slack.messages.items()
    assert text.startswith("[refused]")
    [told] = in_order(slack)
    assert told.startswith("<!subteam^S0ONCALL1> Refused: ")
    assert refused.value.what in told


def test_tries_at_a_lock_that_ran_out_name_who_is_in_the_way_and_not_what_it_runs(
    database: str, slack: SlackServer
) -> None:
    create_small(database)
    settings = patient(quick(slack.settings(settings_for(database))), tries=3)
    with psycopg.connect(database, application_name="reports") as reader:
        reader.execute("SELECT count(*) FROM public.t WHERE id <> 4711")
        with pytest.raises(LockNotAcquired) as failed:
            carry(settings, small_migration(ReplaceColumn("a", type="bigint")))
    # The statement's literals may be anybody's data; the terminal's owner may see them.
    assert "4711" in str(failed.value)
    assert "4711" not in slack.everything
    told = in_order(slack)[-1]
    opening = "Failed, out of tries at a lock: 1.0.0 of public.t. No lock on the table"
    assert told.startswith(f"<!subteam^S0ONCALL1> {opening} after 3 tries")
    assert re.search(r"pid \d+ \(\w+, reports, \d+ s\)", told), told
    assert "run `pgtide up 1.0.0` again" in told


def test_nothing_of_a_row_and_no_secret_is_sent_or_written(
    database: str, slack: SlackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned = create_poisoned_users(database, rows=6_000, every=600)
    assert 10 <= len(poisoned) < 100
    settings = quick(slack.settings(settings_for(database)))
    settings = replace(settings, webhook=f"{slack.url}{WEBHOOK_PATH}", log="json")
    said: list[str] = []
    with pytest.raises(Quarantined):
        carry(settings, email_migration(), warn=said.append)
    written = capsys.readouterr()
    sent = [call.raw for call in slack.calls]
    everything = "\n".join((*sent, written.err, written.out, *said))
    # It is about these rows, and it is all there.
    assert everything.count("refuse_unnamed") > 4
    assert "example.org" not in everything
    password = urlsplit(database).password
    assert password
    assert [one for one in (password, TOKEN, WEBHOOK_PATH) if one in everything] == []
    told = in_order(slack)
    assert told[1].startswith("A row of public.users could not be filled and was put in")
    assert told[2].startswith("10 rows so far of public.users could not be filled")
    failed = f"2.1.0 of public.users. {len(poisoned)} rows of public.users could not be filled"
    assert told[-1].startswith(f"<!subteam^S0ONCALL1> Failed: {failed}")
    assert "`pgtide quarantine 2.1.0`" in told[-1]
    kinds = [one["kind"] for one in slack.documents]
    assert kinds == ["run_began", "phase_done", "quarantined", "quarantined", "failed"]


def test_an_error_that_quotes_secrets_is_told_without_them(
    database: str, slack: SlackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    password = urlsplit(database).password
    assert password
    settings = quick(slack.settings(settings_for(database)))
    settings = replace(settings, webhook=f"{slack.url}{WEBHOOK_PATH}", log="json")
    secrets = (database, password, TOKEN, str(settings.webhook))
    words = " ".join(secrets)
    caller, subject = Caller(actor="ann"), Subject(id=MIGRATION_ID)

    def work() -> None:
        with announced(settings, caller, subject, attended=False, warn=print) as told:
            for secret in secrets:
                told.emit(WayBackClosed(step="a step", reason=secret))
            raise Refused(words, state=words, remedy=words)

    with pytest.raises(Refused):
        work()
    written = capsys.readouterr()
    everything = "\n".join((*(call.raw for call in slack.calls), written.err, written.out))
    assert len(in_order(slack)) == len(secrets) + 1
    assert everything.count("***") > 8
    assert [one for one in (password, TOKEN, "key=of-the-tests") if one in everything] == []


def test_what_slack_did_not_take_is_summed_up_in_the_next_message_that_arrives(
    database: str, slack: SlackServer
) -> None:
    create_users(database, rows=2_000)
    slack.always = Http(500, (("Retry-After", "1"),), "<html>oops</html>")

    def mend(event: Event) -> None:
        if isinstance(event, PhaseBegan) and event.phase == "verify":
            slack.always = None
            until(lambda: bool(slack.replies))

    said: list[str] = []
    settings = quick(slack.settings(settings_for(database)))
    carry(settings, email_migration(), emit=mend, warn=said.append)
    assert len(slack.messages) == 1
    missed, *rest = in_order(slack)
    lines = missed.splitlines()
    assert lines[0].startswith("What Slack did not take from ")
    assert [re.sub(r"^- [\d:]+ UTC (\w+) of .*", r"\1", one) for one in lines[1:-2]] == [
        "expand",
        "backfill",
        "finalize",
    ]
    assert [text.split(" of ")[0] for text in rest] == ["verify", "Done: 2.1.0"]
    assert said == ["Slack takes no message now, and is asked again: Slack answered with HTTP 500."]


def test_what_a_whole_run_could_not_tell_is_told_by_the_next(
    database: str, slack: SlackServer
) -> None:
    create_users(database, rows=500)
    settings = quick(slack.settings(settings_for(database)))
    slack.always = Http(503, (("Retry-After", "60"),))
    said: list[str] = []
    carry(settings, email_migration(), until=Phase.EXPAND, warn=said.append)
    assert said[-1].startswith("2 messages did not reach Slack; the next run tells of them")
    lines = run(database, "SELECT detail ->> 'last' FROM pgtide.event WHERE kind = 'unannounced'")
    assert [str(one[0]).split(". ")[0] for one in lines] == [
        "Done: 2.1.0 of public.users is expanded"
    ]
    slack.always = None
    # One that does nothing tells nothing, and does not forget it either.
    carry(settings, email_migration(), until=Phase.EXPAND)
    assert slack.messages == {}
    carry(settings, email_migration(), until=Phase.BACKFILL, emit=slowly)
    first, *_ = in_order(slack)
    assert first.startswith("Missed before: 2 messages of earlier runs of 2.1.0 did not reach")
    before = len(slack.replies)
    carry(settings, email_migration())
    assert not [one for one in in_order(slack)[before:] if one.startswith("Missed before")]


def replaced(url: str, number: int) -> Migration:
    """Create a table of its own for one run more, and return its migration."""
    table = f"public.t{number}"
    run(
        url,
        f"CREATE TABLE {table} (id int PRIMARY KEY, a int)",
        f"INSERT INTO {table} SELECT g, g FROM generate_series(1, {ROWS}) g",
        f"VACUUM ANALYZE {table}",
    )
    one = small_migration(ReplaceColumn("a", type="bigint"))
    return replace(one, id=f"2026010{number}_000000_small", version=f"1.0.{number}", table=table)


def test_a_slack_that_hangs_does_not_slow_a_run(database: str, slack: SlackServer) -> None:
    """Each run with and without, in turn, three times: what else the machine does is in both."""
    slack.always = Hang()
    plain = settings_for(database)
    both = {"plain": plain, "hanging": quick(slack.settings(plain))}
    work: dict[str, list[float]] = {name: [] for name in both}
    ends: dict[str, list[float]] = {name: [] for name in both}
    for number in range(6):
        name = list(both)[number % 2]
        migration, heard = replaced(database, number + 1), [time.monotonic()]
        begun = time.monotonic()
        carry(both[name], migration, emit=lambda _: heard.append(time.monotonic()))  # noqa: B023
        work[name].append(heard[-1] - begun)
        ends[name].append(time.monotonic() - heard[-1])
    # The best of each: what the machine does besides makes some slower, and none faster.
    noise = max(work["plain"]) - min(work["plain"])
    slower = min(work["hanging"]) - min(work["plain"])
    assert slower <= max(0.3, noise), work
    # The end waits for two seconds, and no longer.
    assert max(ends["hanging"]) < 3.0, ends
    assert slack.calls
