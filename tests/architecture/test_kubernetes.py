"""The Kubernetes manifests are valid, and hold what deployments/README.md promises of them.

Validated against Kubernetes' own schemas; no cluster is here, so none was applied.
"""

import copy
import re
import shutil
import subprocess
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from cli.main import app
from pgtide.errors import Failed, Interrupted, Mismatched, PgtideError, Refused
from pgtide.settings import VARIABLES
from tests.architecture.sources import ROOT
from tests.architecture.test_containerfile import TEXT as CONTAINERFILE

FOLDER: Final = ROOT / "deployments" / "kubernetes"
# The first has podFailurePolicy and timeZone for good, the second is the newest that is known.
VERSIONS: Final = ("1.31", "1.37")
MIGRATION: Final = "PGTIDE_MIGRATION"
IGNORE, FAIL, COUNT = "Ignore", "FailJob", "Count"


def manifests() -> dict[str, Any]:
    return {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.yaml"))
    }


FILES: Final = manifests()
JOBS: Final = ("migrate", "off-peak", "rollback")
# It works at nothing by itself.
PODS: Final = (*JOBS, "desk")


def job_of(manifest: Any) -> Any:
    """Return the spec of a Job, or of the Jobs that a CronJob makes."""
    spec = manifest["spec"]
    return spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec


def pod_of(manifest: Any) -> Any:
    return job_of(manifest)["template"]["spec"]


def container_of(manifest: Any) -> Any:
    (container,) = pod_of(manifest)["containers"]
    return container


def end_of(manifest: Any, code: int, *, drained: bool = False) -> str:
    """Return what Kubernetes does about a pod that ended so: the first rule that fits."""
    for rule in job_of(manifest)["podFailurePolicy"]["rules"]:
        if "onPodConditions" in rule:
            fits = drained
        else:
            asked = rule["onExitCodes"]
            fits = (code in asked["values"]) == (asked["operator"] == "In")
        if fits:
            return str(rule["action"])
    return COUNT


def test_all_are_there() -> None:
    assert {name: one["kind"] for name, one in FILES.items()} == {
        "backups": "PersistentVolumeClaim",
        "desk": "Job",
        "migrate": "Job",
        "off-peak": "CronJob",
        "rollback": "Job",
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FILES)
def test_kubernetes_would_take_it(name: str, version: str) -> None:
    assert kubernetes_validate.validate(FILES[name], version, strict=True) == version


@pytest.mark.parametrize("wrong", ["backofLimit", "podFailurePolicy"])
def test_what_kubernetes_would_not_take_is_seen(wrong: str) -> None:
    """A word that it does not know; a rule without its action."""
    manifest = copy.deepcopy(FILES["migrate"])
    if wrong in manifest["spec"]:
        del manifest["spec"][wrong]["rules"][0]["action"]
    else:
        manifest["spec"][wrong] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)


@pytest.mark.parametrize("name", PODS)
def test_its_pod_is_no_more_than_it_must_be(name: str) -> None:
    pod, container = pod_of(FILES[name]), container_of(FILES[name])
    (number,) = re.findall(r"^ARG UID=(\d+)$", CONTAINERFILE, re.MULTILINE)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert {pod["securityContext"][one] for one in ("runAsUser", "runAsGroup", "fsGroup")} == {
        int(number)
    }
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", PODS)
def test_it_may_write_where_the_image_writes(name: str) -> None:
    mounts = {one["mountPath"]: one["name"] for one in container_of(FILES[name])["volumeMounts"]}
    volumes = [one["name"] for one in pod_of(FILES[name])["volumes"]]
    assert sorted(mounts.values()) == sorted(volumes)
    # The undo needs no backup, and must not wait for a volume that another node has.
    written = {"/pgtide/.pgtide", "/tmp"} | ({"/backups"} if name != "rollback" else set())  # noqa: S108  # a path in the image
    assert set(mounts) == written
    assert all(path in CONTAINERFILE for path in written)


@pytest.mark.parametrize("name", PODS)
def test_what_it_is_told_is_what_pgtide_reads_and_no_secret_stands_there(name: str) -> None:
    known = {variable for variable, _, _ in VARIABLES}
    told = {one["name"]: one for one in container_of(FILES[name])["env"]}
    assert set(told) - {MIGRATION} <= known
    secret = {name for name, one in told.items() if "value" not in one}
    assert {"DATABASE_URL", "PGTIDE_SLACK_TOKEN"} <= secret
    assert not [name for name in set(told) - secret if re.search("URL|TOKEN|WEBHOOK", name)]
    refs = {one: told[one]["valueFrom"]["secretKeyRef"] for one in secret}
    assert {one for one, ref in refs.items() if ref["key"] != one or ref["name"] != "pgtide"} == (
        set()
    )
    assert [one for one, ref in refs.items() if not ref.get("optional")] == ["DATABASE_URL"]


@pytest.mark.parametrize("name", JOBS)
def test_its_command_is_one_of_pgtides(name: str) -> None:
    container = container_of(FILES[name])
    assert container["command"] == ["pgtide"]
    words = [word.replace(f"$({MIGRATION})", "2.1.0") for word in container["args"]]
    command = get_command(app)
    assert hasattr(command, "commands")
    with command.commands[words[0]].make_context(words[0], words[1:]) as context:
        assert context.params.get("migration") == (None if name == "off-peak" else "2.1.0")
    # What is not filled in means no migration.
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert (MIGRATION in told) is (name != "off-peak")
    assert not re.search(r"\d", told.get(MIGRATION) or "")


def codes() -> dict[type[PgtideError], int]:
    return {one: one.exit_code for one in (Failed, Refused, Mismatched, Interrupted)}


@pytest.mark.parametrize("name", ["migrate", "off-peak"])
def test_each_exit_code_is_answered_as_it_deserves(name: str) -> None:
    manifest, code = FILES[name], codes()
    assert end_of(manifest, code[Failed]) == COUNT
    assert end_of(manifest, code[Refused]) == FAIL
    assert end_of(manifest, code[Mismatched]) == FAIL
    assert end_of(manifest, code[Interrupted]) == IGNORE
    assert end_of(manifest, 137) == COUNT
    assert end_of(manifest, 137, drained=True) == IGNORE
    assert job_of(manifest)["backoffLimit"] == 3
    # No rule can call an end with another code than 0 a good one: the command has to.
    told = {one["name"]: one.get("value") for one in container_of(manifest)["env"]}
    assert told["PGTIDE_WAITING_OK"] == "1"


def test_an_undo_is_tried_once_but_goes_on_after_a_drained_node() -> None:
    manifest = FILES["rollback"]
    assert job_of(manifest)["backoffLimit"] == 0
    assert end_of(manifest, 137, drained=True) == IGNORE
    assert end_of(manifest, Interrupted.exit_code) == IGNORE
    assert {end_of(manifest, code) for code in (1, 2, 3, 4, 137)} == {FAIL}
    told = {one["name"] for one in container_of(manifest)["env"]}
    assert "PGTIDE_WAITING_OK" not in told


def test_a_retry_never_starts_over_what_was_undone() -> None:
    assert "--keep-undone" in container_of(FILES["migrate"])["args"]
    # Without a name nothing is started over.
    assert container_of(FILES["off-peak"])["args"] == ["up"]


@pytest.mark.parametrize("name", PODS)
def test_each_has_time_to_checkpoint_and_leaves_one_pod_at_a_time(name: str) -> None:
    job, pod = job_of(FILES[name]), pod_of(FILES[name])
    assert pod["terminationGracePeriodSeconds"] > 30
    assert pod["restartPolicy"] == "Never"
    assert job["podReplacementPolicy"] == "Failed"
    assert "activeDeadlineSeconds" not in job
    labels = job["template"]["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/name": "pgtide",
        "app.kubernetes.io/component": name,
    }


def test_a_desk_closes_by_itself_and_has_what_a_person_needs() -> None:
    container, job = container_of(FILES["desk"]), job_of(FILES["desk"])
    assert (container["command"], job["backoffLimit"]) == (["sleep"], 0)
    assert container["args"][0].isdigit()
    same = container_of(FILES["migrate"])
    assert container["volumeMounts"] == same["volumeMounts"]
    secrets = [one for one in container["env"] if "valueFrom" in one]
    assert secrets == [one for one in same["env"] if "valueFrom" in one]


def test_two_nights_never_overlap() -> None:
    spec = FILES["off-peak"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["timeZone"]


@pytest.mark.parametrize("name", PODS)
def test_the_image_is_a_name_to_be_given(name: str) -> None:
    assert container_of(FILES[name])["image"] == "pgtide"


@pytest.mark.parametrize("name", ["migrate", "rollback"])
def test_a_value_that_is_filled_in_stays_a_value(name: str) -> None:
    """As README.md does it: the strategy's script pastes a version into code."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here: how the image and the migration are named was NOT tried")
    vile, image = '2.1.0"; $(id) \n', "images.example.net:5000/team/pgtide:1"
    local = ("--local", "--output=yaml", "--filename")
    file = str(FOLDER / f"{name}.yaml")
    text = piped([kubectl, "set", "image", *local, file, f"pgtide={image}"], "")
    text = piped([kubectl, "set", "env", *local, "-", f"{MIGRATION}={vile}"], text)
    filled = yaml.safe_load(text)
    assert container_of(filled)["image"] == image
    assert {one["name"]: one.get("value") for one in container_of(filled)["env"]}[MIGRATION] == vile
    assert kubernetes_validate.validate(filled, VERSIONS[0], strict=False) == VERSIONS[0]


def piped(command: list[str], text: str) -> str:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
