"""No file tells where packages come from, which machine it was written on, or a secret."""

import re

import pytest

from tests.architecture.sources import ROOT, texts

# Each pattern is written so that it does not match its own text.
TRACES = {
    "a registry's host": re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|crates|proxy\.golang|repo\.maven)\.(?:org|io|com)\b",
        re.IGNORECASE,
    ),
    "where pip looks": re.compile(
        r"--(?:extra-)?index-url|--find-link[s]|--trusted-hos[t]|(?:^|\s)(?:extra-)?index-url\s*=",
        re.MULTILINE,
    ),
    "a home folder": re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\b(?:xox[abprs]-\w{8}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{36})"),
}
PIN = re.compile(r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+(?:; [\w .<>=!\"]+)?$")


def traces(text: str, *, checkout: str) -> list[str]:
    found = [
        f"{kind}: {match.group().strip()}"
        for kind, pattern in TRACES.items()
        for match in pattern.finditer(text)
    ]
    # A checkout in a folder right under / (/app, say) has a name that means other things too.
    if checkout.count("/") > 1 and re.search(re.escape(checkout) + r"\b", text):
        found.append(f"the checkout's path: {checkout}")
    return found


def loose_lines(requirements: str) -> list[str]:
    return [
        line
        for line in requirements.splitlines()
        if line and not line.startswith("#") and line != "-r requirements.txt"
        if not PIN.match(line)
    ]


def test_no_file_has_a_trace_of_a_machine_or_a_registry() -> None:
    offenders = [
        f"{name}: {trace}" for name, text in texts() for trace in traces(text, checkout=str(ROOT))
    ]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_one_pinned_version_and_nothing_else(name: str) -> None:
    assert loose_lines((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("a registry's host", "see https://" + "files.pythonhosted" + ".org/x"),
        ("where pip looks", "--index" + "-url https://mirror"),
        ("where pip looks", "[global]\nindex" + "-url = https://mirror"),
        ("a home folder", "open('/" + "home/ann/key')"),
        ("a home folder", "cd /" + "root/x"),
        ("a private key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
        ("a token", "xoxb" + "-123456789012"),
        ("the checkout's path", "cd /srv/checkouts/pgtide/docs"),
    ],
)
def test_each_kind_of_trace_is_found(kind: str, text: str) -> None:
    found = traces(text, checkout="/srv/checkouts/pgtide")
    assert [trace.partition(":")[0] for trace in found] == [kind]


def test_ordinary_text_is_no_trace() -> None:
    text = "cd /srv/checkouts/pgtide2; tmp/root/x; PyPI's package; postgresql://app@127.0.0.1/app"
    assert traces(text, checkout="/srv/checkouts/pgtide") == []
    assert traces("WORKDIR /app", checkout="/app") == []


def test_a_range_a_url_and_an_option_are_no_pins() -> None:
    loose = ["a>=1", "b @ https://host/b.whl", "-f wheels", "c==1.* --hash=sha256:0"]
    assert loose_lines('# why\nd==1.0\ne==2; python_version < "3.13"\n' + "\n".join(loose)) == loose
