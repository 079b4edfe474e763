"""deploy/: what its files name exists, and what they promise is written in each of them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from services.cli.main import app as rollcall
from shared.process_settings import PREFIX, ProcessSettings, load
from shared.worker.brokers import queues
from shared.worker.queues import Queue, served_by
from tests.support.composition import DEPLOY, compose_file, of_rollcall
from tests.support.tools import require

ROOT = DEPLOY.parent
NAMES = {PREFIX + name.upper() for name in ProcessSettings.model_fields}
KUBERNETES = "1.31"
# The users of the brokers.
SERVICES = ("api", "collector", "reconciler", "relay_client", "scheduler", "beat", "watch", "flower")


def _manifests() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def _of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [manifest for manifest in _manifests() if manifest["kind"] in kinds]


def _container(manifest: dict[str, Any]) -> dict[str, Any]:
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(container)


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of Rollcall in deploy/, by where it stands."""
    for name, service in of_rollcall(compose_file()).items():
        yield f"compose {name}", service["command"]
    for manifest in _of_kind("Deployment", "Job"):
        yield f"kubernetes {manifest['metadata']['name']}", _container(manifest)["args"]
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        (line,) = re.findall(r"^ExecStart=/opt/rollcall/bin/rollcall (.+)$", path.read_text(), re.MULTILINE)
        for queue in Queue if "%i" in line else [None]:
            yield f"systemd {path.name}", line.replace("%i", queue or "").split()


@pytest.mark.parametrize(
    ("place", "command"), list(_commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_is_one_of_rollcalls_and_takes_its_options(place: str, command: list[str]) -> None:
    known = typer.main.get_command(rollcall).commands  # type: ignore[attr-defined]
    context = known[command[0]].make_context(command[0], list(command[1:]))
    assert set(context.params.get("queues") or ()) <= set(Queue)


def test_every_queue_has_its_worker_and_there_is_one_beat() -> None:
    for kind in ("compose", "kubernetes"):
        commands = [command for place, command in _commands() if place.startswith(kind)]
        listened = [command[2] for command in commands if command[0] == "worker"]
        assert sorted(served_by([Queue(name) for name in listened])) == sorted(Queue)
        assert commands.count(["beat"]) == 1
    (beat,) = [item for item in _of_kind("Deployment") if item["metadata"]["name"] == "rollcall-beat"]
    assert beat["spec"]["replicas"] == 1
    assert beat["spec"]["strategy"] == {"type": "Recreate"}


def test_env_example_has_every_setting_with_its_default() -> None:
    lines = (DEPLOY / "env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(given) == NAMES
    assert load(given) == load({})


def _named_settings(text: str) -> set[str]:
    return {name.removesuffix("_FILE") for name in re.findall(r"\bROLLCALL_[A-Z_]+\b", text)} - {
        # Of compose.yaml itself.
        "ROLLCALL_IMAGE", "ROLLCALL_VERSION", "ROLLCALL_TARGET",
    }  # fmt: skip


@pytest.mark.parametrize("file", ["compose.yaml", "Dockerfile", "kubernetes/*.yaml", "systemd/*"])
def test_every_setting_that_is_named_exists(file: str) -> None:
    named = set().union(*(_named_settings(path.read_text(encoding="utf-8")) for path in DEPLOY.glob(file)))
    alone = {"ROLLCALL_ALIVE"}  # ROLLCALL_ALIVE_FILE is no file with a value.
    assert named - alone <= NAMES
    assert named


def test_every_service_is_confined_watched_and_limited() -> None:
    composition = compose_file()
    for name, service in composition["services"].items():
        assert service["restart"], name
        assert service["mem_limit"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["healthcheck"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "sqlserver", name
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in composition["secrets"], name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    for service in of_rollcall(composition).values():
        assert not [
            text for text in map(str, service["environment"].values()) if "password" in text.split("/")[0]
        ]


def test_what_env_example_sets_reaches_the_containers() -> None:
    composition = compose_file()
    named = {name for service in of_rollcall(composition).values() for name in service["environment"]}
    told = named | {name.removesuffix("_FILE") for name in named}
    # Written in the health check and in the example of a proxy, which ends TLS.
    of_a_proxy = {"ROLLCALL_FLOWER_PATH", "ROLLCALL_TLS_CERTIFICATE", "ROLLCALL_TLS_KEY"}
    embedded_alone = {"ROLLCALL_COPIES", "ROLLCALL_KEEP_COPIES_DAYS", "ROLLCALL_NEWEST_RELEASE"}
    assert NAMES - told == of_a_proxy | embedded_alone


def test_one_service_builds_the_image() -> None:
    services = compose_file()["services"]
    assert [name for name, service in services.items() if "build" in service] == ["migrate"]


def test_the_secrets_of_compose_are_what_the_script_makes(tmp_path: Path) -> None:
    subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(tmp_path)], check=True, capture_output=True)
    # What the servers know of the passwords, and what the services are given, is made of them.
    passwords = {f"broker_password_{service}" for service in SERVICES}
    assert {path.name for path in tmp_path.iterdir()} == set(compose_file()["secrets"]) | passwords
    load({"ROLLCALL_SECRET_KEY_FILE": str(tmp_path / "secret_key")})


def _made(folder: Path, *arguments: str) -> dict[str, str]:
    """What the script leaves in the folder."""
    subprocess.run(
        ["sh", str(DEPLOY / "secrets.sh"), str(folder), *arguments], check=True, capture_output=True
    )
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_each_service_is_a_user_of_its_own_with_a_password_of_its_own(tmp_path: Path) -> None:
    made = _made(tmp_path)
    passwords = {service: made[f"broker_password_{service}"] for service in SERVICES}
    assert len(set(passwords.values())) == len(SERVICES)
    default, *users = made["redis_users"].splitlines()
    assert default.endswith("-@all +ping")
    assert [line.split()[1] for line in users] == list(SERVICES)
    for line in users:
        name, rules = line.split()[1], line.split()[3:]
        assert rules[:4] == [f">{passwords[name]}", "resetkeys", "resetchannels", "-@all"]
        assert "+@all" not in rules
        assert "~*" not in rules
    known = json.loads(made["rabbitmq_definitions"])["users"]
    assert {user["name"]: user["password"] for user in known} == passwords
    assert not any(user["tags"] for user in known)
    for service in SERVICES:
        assert made[f"broker_url_{service}"] == f"redis://{service}:{passwords[service]}@redis:6379/0"
    again = _made(tmp_path, "rabbitmq", "localhost")
    for service in SERVICES:
        assert again[f"broker_url_{service}"] == f"amqp://{service}:{passwords[service]}@localhost//"
    assert _made(tmp_path) == again


def test_the_one_user_of_earlier_versions_goes_and_a_broker_elsewhere_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "broker_url").write_text("redis://rollcall:old@redis:6379/0")
    (tmp_path / "redis_users").write_text("user rollcall on >old ~* +@all")
    (tmp_path / "result_backend_url").write_text("rediss://somebody:word@elsewhere.example:6380/1")
    made = _made(tmp_path)
    assert not {"broker_url", "result_backend_url"} & made.keys()
    assert "rollcall" not in {line.split()[1] for line in made["redis_users"].splitlines()}
    for service in SERVICES:
        assert made[f"broker_url_{service}"].startswith(f"redis://{service}:")
        assert made[f"result_backend_url_{service}"] == "rediss://somebody:word@elsewhere.example:6380/1"


def test_every_queue_has_rights_for_its_worker_and_for_who_sends_to_it(tmp_path: Path) -> None:
    made = _made(tmp_path)
    users = {line.split()[1]: line for line in made["redis_users"].splitlines()}
    topics = {
        entry["user"]: re.compile(entry["write"])
        for entry in json.loads(made["rabbitmq_definitions"])["topic_permissions"]
    }
    for queue in Queue:
        senders = ["api", "collector", "reconciler", "relay_client", "scheduler", "watch"]
        if queue is Queue.SCHEDULER:
            senders = ["beat"]
        if queue is Queue.NOTIFIER:
            senders = ["api", "scheduler"]
        assert [name for name in senders if f"~{queue.value} " not in users[name]] == []
        assert [name for name in senders if not topics[name].match(queue.value)] == []


def test_rabbitmqs_queues_are_those_that_a_worker_would_make(tmp_path: Path) -> None:
    made = json.loads(_made(tmp_path)["rabbitmq_definitions"])
    wanted: list[Any] = queues(
        ProcessSettings(broker_url="amqp://broker//", result_backend_url="redis://redis:6379/0")
    )
    assert {(queue["name"], json.dumps(queue["arguments"], sort_keys=True)) for queue in made["queues"]} == {
        (queue.name, json.dumps(queue.queue_arguments, sort_keys=True)) for queue in wanted
    }
    assert {(bound["source"], bound["routing_key"], bound["destination"]) for bound in made["bindings"]} == {
        (queue.exchange.name, queue.routing_key, queue.name) for queue in wanted
    }


def test_a_service_is_given_its_own_address_of_the_broker_alone() -> None:
    of_compose = {
        name: {item["source"]: item["target"] for item in service["secrets"] if isinstance(item, dict)}
        for name, service in of_rollcall(compose_file()).items()
    }
    of_pods = {}
    for manifest in _of_kind("Deployment", "Job"):
        (secret,) = [
            volume["secret"]
            for volume in manifest["spec"]["template"]["spec"]["volumes"]
            if "secret" in volume
        ]
        of_pods[manifest["metadata"]["name"].removeprefix("rollcall-")] = {
            item["key"]: item["path"] for item in secret["items"] if item["key"] != item["path"]
        }
    assert of_compose == of_pods
    for name, given in of_compose.items():
        service = {"migrate": "api"}.get(name, name).replace("-", "_")
        assert given == {
            f"broker_url_{service}": "broker_url",
            f"result_backend_url_{service}": "result_backend_url",
        }
    for unit in ("api", "beat", "watch", "flower", "worker@"):
        text = (DEPLOY / f"systemd/rollcall-{unit}.service").read_text(encoding="utf-8")
        service = "%i" if "@" in unit else unit
        for name in ("broker_url", "result_backend_url"):
            assert f"LoadCredential={name}:/etc/rollcall/secrets/{name}_{service}\n" in text
            assert f"ROLLCALL_{name.upper()}_FILE=%d/{name}" in text


def test_redis_and_rabbitmq_know_these_users_alone() -> None:
    services = compose_file()["services"]
    assert "/run/secrets/redis_users" in services["redis"]["command"]
    mounted = {item["source"]: item["target"] for item in services["rabbitmq"]["secrets"]}
    assert mounted == {
        "rabbitmq_config": "/etc/rabbitmq/conf.d/20-rollcall.conf",
        "rabbitmq_definitions": "/etc/rabbitmq/rollcall.json",
    }


@pytest.mark.xdist_group("json schema")
def test_the_manifests_fit_the_schemas_of_kubernetes() -> None:
    # Its import takes seconds.
    import kubernetes_validate  # type: ignore[import-untyped]

    manifests = list(_manifests())
    assert len(manifests) > 15
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_kustomize_applies_every_manifest_but_the_migration() -> None:
    resources = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())["resources"]
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert set(resources) == files - {"kustomization.yaml", "migrate.yaml", "flower-ingress.yaml"}


def test_flower_is_given_no_secret_that_it_does_not_need_and_no_way_in_from_outside() -> None:
    needed = {"broker_url_flower", "result_backend_url_flower", "flower_sign_in"}
    flower = compose_file()["services"]["flower"]
    assert {item if isinstance(item, str) else item["source"] for item in flower["secrets"]} == needed
    assert not [name for name in flower["environment"] if "SECRET_KEY" in name or "DATABASE" in name]
    (pod,) = [
        item["spec"]["template"]["spec"]
        for item in _of_kind("Deployment")
        if item["metadata"]["name"] == "rollcall-flower"
    ]
    (secret,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert {item["key"] for item in secret["items"]} == needed
    assert "envFrom" not in pod["containers"][0]
    unit = (DEPLOY / "systemd/rollcall-flower.service").read_text(encoding="utf-8")
    assert set(re.findall(r"LoadCredential=(\w+):", unit)) == {
        "broker_url", "result_backend_url", "flower_sign_in",
    }  # fmt: skip
    (ingress,) = yaml.safe_load_all((DEPLOY / "kubernetes/api.yaml").read_text().rpartition("---")[2])
    assert "flower" not in str(ingress)


def test_pods_are_no_root_write_nowhere_else_and_end_in_time() -> None:
    for manifest in _of_kind("Deployment", "Job"):
        pod, container = manifest["spec"]["template"]["spec"], _container(manifest)
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["resources"]["limits"]["memory"]
        if manifest["kind"] == "Deployment":
            assert {"livenessProbe", "startupProbe"} <= container.keys()
            assert pod["terminationGracePeriodSeconds"] >= 60
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_what_is_selected_scaled_and_kept_up_exists() -> None:
    deployed = {manifest["metadata"]["name"]: manifest for manifest in _of_kind("Deployment")}
    labels = [manifest["spec"]["template"]["metadata"]["labels"] for manifest in deployed.values()]
    for scaler in _of_kind("HorizontalPodAutoscaler"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in deployed
        (metric,) = scaler["spec"]["metrics"]
        assert metric["external"]["metric"]["selector"]["matchLabels"]["queue"] in set(Queue)
    for budget in _of_kind("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] in labels
    for service in _of_kind("Service"):
        assert service["spec"]["selector"] in labels
    claims = {claim["metadata"]["name"] for claim in _of_kind("PersistentVolumeClaim")}
    used = re.findall(
        r"claimName: ([\w-]+)", "".join(p.read_text() for p in DEPLOY.glob("kubernetes/*.yaml"))
    )
    assert set(used) == claims


def test_kept_recordings_are_on_a_volume_that_outlives_pods() -> None:
    (relay_client,) = [
        item for item in _of_kind("Deployment") if item["metadata"]["name"] == "rollcall-relay-client"
    ]
    volumes = {volume["name"]: volume for volume in relay_client["spec"]["template"]["spec"]["volumes"]}
    assert "persistentVolumeClaim" in volumes["data"]
    assert "data:/data" in of_rollcall(compose_file())["relay-client"]["volumes"]


def test_systemd_finds_no_fault_with_the_units() -> None:
    program = require(("systemd-analyze",), "systemd")["systemd-analyze"]
    units = [str(path) for path in sorted((DEPLOY / "systemd").iterdir())]
    done = subprocess.run(
        [program, "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "rollcall" in line]
    # Rollcall itself need not be installed where this runs.
    assert [line for line in said if "/opt/rollcall/bin/rollcall is not executable" not in line] == []


def test_what_the_dockerfile_copies_exists_and_travels_to_the_builder() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in allowed
    assert dockerfile.rstrip().rpartition("USER 10001")[2].count("USER") == 0


def _pins(name: str) -> dict[str, str]:
    """Package and its whole entry (version, markers, hashes) of a lock file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==((?:.*\\\n)*.*)$", text, re.MULTILINE))


def test_the_image_has_what_runs_in_production_at_the_versions_that_were_tested() -> None:
    production = _pins("production")
    assert production.items() | _pins("build").items() <= _pins("dev").items()
    assert production.items() >= _pins("runtime").items()
    assert {"flower", "psycopg", "psycopg-binary", "pyodbc"} <= production.keys()
    assert all("--hash=sha256:" in entry for entry in production.values())


def test_the_images_of_others_are_named_by_their_digest() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    images = [service["image"] for service in compose["services"].values()]
    others = [image for image in images if image != compose["x-rollcall"]["image"]]
    base = re.findall(r"^ARG PYTHON=(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert len(others) == 4
    for image in (*others, *base):
        assert re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", image)


def test_the_images_of_others_are_pinned_all_of_them_or_none(tmp_path: Path) -> None:
    for name in ("compose.yaml", "Dockerfile", "pin-images.sh"):
        (tmp_path / name).write_text((DEPLOY / name).read_text(encoding="utf-8"), encoding="utf-8")
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()

    def _pin(known: str) -> int:
        """Run the script beside a docker that knows of these images."""
        docker.write_text(
            f"#!/bin/sh\nfor image; do :; done\ncase $image in {known}) echo sha256:"
            f'$(printf %s "$image" | sha256sum | cut -c 1-64);; *) exit 1;; esac\n'
        )
        docker.chmod(0o755)
        environment = {"PATH": f"{docker.parent}:/usr/bin:/bin"}
        return subprocess.run(
            ["sh", str(tmp_path / "pin-images.sh")], env=environment, capture_output=True, check=False
        ).returncode

    unpinned = {name: (tmp_path / name).read_text() for name in ("compose.yaml", "Dockerfile")}
    assert _pin("redis:*|python:*") != 0
    assert {name: (tmp_path / name).read_text() for name in unpinned} == unpinned
    assert _pin("*") == 0
    services = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]
    ours = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["x-rollcall"]["image"]
    others = [service["image"] for service in services.values() if service["image"] != ours]
    assert len(others) == 4
    for image in others:
        assert re.fullmatch(r".+:[^@]+@sha256:[0-9a-f]{64}", image)
    pinned = (tmp_path / "compose.yaml").read_text()
    assert re.search(
        r"^ARG PYTHON=[^@\n]+@sha256:[0-9a-f]{64}$", (tmp_path / "Dockerfile").read_text(), re.MULTILINE
    )
    # Once more, and there is one digest still.
    assert _pin("*") == 0
    assert (tmp_path / "compose.yaml").read_text() == pinned


def test_the_command_of_the_package_takes_its_settings_as_the_service_does_and_runs_nothing_of_them(
    tmp_path: Path,
) -> None:
    url = "mssql+pyodbc://db.example/rollcall?driver=ODBC Driver 18 for SQL Server&Encrypt=yes"
    settings = tmp_path / "rollcall.env"
    settings.write_text(
        f"# A comment\n  \nROLLCALL_DATABASE_URL={url}\nROLLCALL_DATABASE_PASSWORD=a$HOME`touch {tmp_path}/ran`;'\"b  \n"
        "ROLLCALL_LOG_FORMAT=\"json\"\nROLLCALL_LANGUAGE=''\nnot a setting\n1X=1\nA-B=1\n; touch=1\nROLLCALL_REDIS_URL=last"
    )
    script = (DEPLOY / "debian/rollcall").read_text()
    for was, becomes in (
        ("/etc/rollcall/rollcall.env", str(settings)),
        ("$(id -un)", "rollcall"),
        ("exec /opt/rollcall/bin/rollcall", "exec env"),
    ):
        assert was in script
        script = script.replace(was, becomes)
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {name: value for name, value in told.items() if name.startswith(PREFIX)} == {
        "ROLLCALL_DATABASE_URL": url,
        "ROLLCALL_DATABASE_PASSWORD": f"a$HOME`touch {tmp_path}/ran`;'\"b",
        "ROLLCALL_LOG_FORMAT": "json",
        "ROLLCALL_LANGUAGE": "",
        "ROLLCALL_REDIS_URL": "last",
        "ROLLCALL_DATA": "/var/lib/rollcall",
    }
    assert not done.stderr
    assert not (tmp_path / "ran").exists()
