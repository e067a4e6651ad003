"""The fields of the forms: what each must say, and what none takes."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from flows.forward import settings_for
from flows.parameters import (
    ContractParameters,
    MigrateParameters,
    PurgeParameters,
    ResumeParameters,
    RollbackParameters,
)
from pgtide.settings import Settings

MODELS = (MigrateParameters, ContractParameters, PurgeParameters, RollbackParameters)


@pytest.mark.parametrize("model", MODELS)
def test_every_field_has_a_title_and_a_sentence_that_helps(model: type[BaseModel]) -> None:
    fields = model.model_json_schema()["properties"]
    assert fields
    assert [name for name, one in fields.items() if not one.get("title")] == []
    assert [name for name, one in fields.items() if not one.get("description")] == []
    # A title that pydantic has made of the name helps nobody.
    assert [one["title"] for name, one in fields.items() if one["title"].lower() == name] == []


@pytest.mark.parametrize("model", [*MODELS, ResumeParameters])
def test_the_fields_are_numbered_and_none_asks_for_a_type(model: type[BaseModel]) -> None:
    fields = model.model_json_schema()["properties"]
    assert [one["position"] for one in fields.values()] == list(range(len(fields)))
    assert [name for name, one in fields.items() if "anyOf" in one] == []
    # With a default of None the form could not be sent: it would be no text, or no number.
    assert [name for name, one in fields.items() if one.get("default", "") is None] == []


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (MigrateParameters, {"until": "contract"}),
        (MigrateParameters, {"workers": 0}),
        (MigrateParameters, {"workers": 9}),
        (MigrateParameters, {"duty": 0.01}),
        (MigrateParameters, {"duty": 1.5}),
        (MigrateParameters, {"dryrun": True}),
        (ContractParameters, {}),
        (PurgeParameters, {"hury": "it is urgent"}),
        (RollbackParameters, {"to": "expanded"}),
    ],
)
def test_what_cannot_be_meant_is_refused(model: type[BaseModel], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(given)


def test_a_window_is_overridden_by_a_reason_and_by_nothing_else() -> None:
    assert MigrateParameters().hurry is None
    assert MigrateParameters(hurry=" \t").hurry is None
    assert MigrateParameters(hurry=" it is urgent ").hurry == "it is urgent"


def test_what_the_form_leaves_empty_stays_as_the_settings_say() -> None:
    settings = Settings(workers=3, duty=0.5)
    assert settings_for(settings, MigrateParameters()) == settings
    found = settings_for(settings, MigrateParameters(workers=1, duty=0.9))
    assert (found.workers, found.duty) == (1, 0.9)
