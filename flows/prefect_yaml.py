"""`deployments/prefect.yaml`: the same deployments, for `prefect deploy` and workers of a pool.

Written by hand rather than dumped, since people read it and a dumper knows no anchors: what each
kind of pool needs stands once, and each deployment refers to it. Texts are JSON strings, which are
YAML ones too.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from flows.deployments import Deployment
from flows.off_peak import Schedule

Pool = Literal["process", "docker", "kubernetes"]

_HEAD: Final = """\
# Written by `pgtide deployments --write`, from the migration files; do not edit, a test compares.
# README.md beside it says how it is used.
name: pgtide
prefect-version: 3.8.8

definitions:
  # What a kind of pool needs. No secret stands here: workers have DATABASE_URL in their
  # environment, pods from a Secret. The image's name is that of PGTIDE_IMAGE where this file is
  # deployed; in it the project is in /pgtide.
  process: &process
    work_pool: {name: pgtide-process}
  docker: &docker
    work_pool:
      name: pgtide-docker
      job_variables:
        image: "{{ $PGTIDE_IMAGE }}"
        image_pull_policy: IfNotPresent
        auto_remove: true
    pull: [prefect.deployments.steps.set_working_directory: {directory: /pgtide}]
  kubernetes: &kubernetes
    work_pool:
      name: pgtide-kubernetes
      job_variables:
        image: "{{ $PGTIDE_IMAGE }}"
        image_pull_policy: IfNotPresent
        # One pod, once: the ledger decides about another try, and Prefect makes it.
        backoff_limit: 0
    pull: [prefect.deployments.steps.set_working_directory: {directory: /pgtide}]

deployments:
"""


def prefect_yaml(wanted: Sequence[Deployment], *, pool: Pool = "process") -> str:
    """Return the file's text; each deployment goes to the pool of that kind."""
    return _HEAD + "\n".join("\n".join(_lines(one, pool)) + "\n" for one in wanted)


def _lines(one: Deployment, pool: Pool) -> Iterator[str]:
    yield f"  # {one.full_name}"
    yield f"  - <<: *{pool}"
    yield f"    name: {json.dumps(one.name)}"
    yield f"    entrypoint: {json.dumps(one.entrypoint)}"
    yield f"    description: {json.dumps(one.description, ensure_ascii=False)}"
    yield f"    tags: {json.dumps(one.tags, ensure_ascii=False)}"
    if one.parameters:
        yield f"    parameters: {json.dumps(one.parameters)}"
    if one.schedules:
        yield "    schedules:"
        yield from (f"      - {_schedule(each)}" for each in one.schedules)


def _schedule(one: Schedule) -> str:
    told = {
        "slug": one.slug,
        "cron": one.cron,
        "rrule": one.rrule,
        "timezone": one.zone,
        "parameters": one.parameters or None,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None})
