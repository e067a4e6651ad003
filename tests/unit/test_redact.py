"""A password never gets through, in whatever form it comes."""

import re

import pytest

from pgtide.model.redact import redacted

SECRET = "s3cr%2Fet"
URL = f"postgresql://ann:{SECRET}@db:5432/app"


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"could not connect to {URL}: no route",
        f"password authentication failed: {SECRET}",
        "decoded it is s3cr/et",
        "postgresql://db/app?password=s3cr/et&user=ann",
        "host=db password='s3cr/et' user=ann",
        "postgresql://other:s3cr/et@db/app",
    ],
)
def test_a_password_is_masked(text: str) -> None:
    found = redacted(text, URL)
    assert "s3cr" not in found
    assert "***" in found


@pytest.mark.parametrize("secret", ["a", "no", "pg!", "post"])
def test_a_short_password_is_masked_by_its_place_and_leaves_the_words_alone(secret: str) -> None:
    words = "a postgres failed: no route to a table of pgtide's"
    for url in (
        f"postgresql://ann:{secret}@db/app",
        f"host=db password={secret} user=ann",
        f"host=db sslpassword='{secret}' user=ann",
        f"postgresql://db/app?user=ann&password={secret}",
    ):
        found = redacted(f"{words}: {url}", url)
        assert found == f"{words}: {masked(url)}"


def masked(url: str) -> str:
    """Mask what comes after the password's sign, and nothing else."""
    return re.sub(r"(ann:|password=)'?[\w!]+'?", r"\1***", url)


def test_what_is_no_password_stays() -> None:
    text = "postgresql://ann@db:5432/app took 12:30 and user@host wrote password rules"
    assert redacted(text, URL) == text
