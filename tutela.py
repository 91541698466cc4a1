"""The front door: every command of the product, and the one place that opens resources and wires them.

A command either does its work and ends, or runs one role until it is told to stop. What is expected to go
wrong (a port in use, a database that cannot be migrated, no engine) is one clear line and a status other than
zero; what is not expected is written to ``home/logs/tutela.log``, and its line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from runtime.errors import TutelaError
from runtime.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporalio.plugin import SimplePlugin

    from learning.resources import Resources
    from runtime.engine.locate import Engine, Program
    from runtime.processes import Role

STOPPED_BY_OPERATOR = 130
"""128 + SIGINT, as shells count; only for commands that were interrupted before their work was done."""

Run = Callable[[argparse.Namespace, Settings], int]


@dataclass(frozen=True)
class Command:
    """One word of the command line."""

    name: str
    help: str
    run: Run
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None


def up(_: argparse.Namespace, settings: Settings) -> int:
    """Everything on this machine, until Ctrl-C."""
    from runtime.homes import only_one

    engine = _locate(settings)
    with only_one(settings.home):
        return _until_stopped(_up(settings, engine))


async def _up(settings: Settings, engine: Engine) -> None:
    from runtime.clock import SystemClock
    from runtime.engine import server
    from runtime.engine.locate import Program
    from runtime.ports import check_free
    from runtime.processes import Role, Supervisor, answers

    api_url = f"http://{settings.api_host}:{settings.api_port}"
    check_free(settings.api_host, settings.api_port, "TUTELA_API_PORT")
    async with Supervisor(settings.home, SystemClock(), tell=_tell) as roles:
        if isinstance(engine, Program):
            check_free("127.0.0.1", settings.temporal_port, "TUTELA_TEMPORAL_PORT")
            with _step("Starting the workflow engine"):
                await roles.start(await _engine_role(settings, engine))
        with _step("Preparing the engine's namespaces"):
            await server.prepare(settings)
        with _step("Bringing the database up to date"):
            await asyncio.to_thread(_migrate, settings)
        await _found_demo_school(settings)
        for name, *words in ROLES:
            with _step(f"Starting {name}"):
                ready = (lambda: answers(f"{api_url}/readyz")) if name == "api" else None
                await roles.start(Role(name, [sys.executable, __file__, *words], ready=ready))
        print(_ready(settings, api_url), flush=True)
        await roles.watch()


ROLES = (
    ("worker-sessions", "worker", "--queue", "sessions"),
    ("worker-governance", "worker", "--queue", "governance"),
    ("stream", "stream"),
    ("api", "api"),
)
"""Processes of ``up``, in the order of their start: who is asked stands before who asks."""


async def _found_demo_school(settings: Settings) -> None:
    from learning.demo_school import found_demo_school

    with _resources(settings) as resources, _step("Founding the demo school"):
        founded = await found_demo_school(resources, lambda _what: None)
    if founded is None:
        return
    print("A demo school was founded. Its passwords are shown here and nowhere else:\n")
    print(f"  school  demo\n  class   {founded.class_id}\n")
    for credential in founded.credentials:
        print(f"  {credential.role.value:<14} {credential.email:<22} {credential.password}")
    print(flush=True)


async def _engine_role(settings: Settings, engine: Program) -> Role:
    from runtime.engine import server
    from runtime.processes import Role
    from runtime.temporal import connect_service

    service = await connect_service(settings)
    return Role(
        "engine",
        server.command(engine.path, settings),
        ready=lambda: server.is_serving(service),
        echo_errors=False,  # it logs errors whenever a client goes away
    )


def _ready(settings: Settings, api_url: str) -> str:
    return "\n".join(
        (
            "",
            "Tutela is ready.",
            f"  API     {api_url}/v1        (described at {api_url}/openapi.json)",
            f"  engine  {settings.engine}",
            f"  data    {settings.home}",
            "This is an evaluation set-up on one machine: Temporal's development server and local files.",
            "Ctrl-C stops it; the next start finds everything as it was.",
        )
    )


@contextmanager
def _resources(settings: Settings) -> Iterator[Resources]:
    """Open what a process of the product holds, and close it in the end. The one place that does."""
    import secrets

    from governance.keys import open_key_ring
    from governance.passwords import Passwords
    from learning.adaptation import Rules
    from learning.courses.store import CourseCache
    from learning.item_times import TimesCache
    from learning.models.runner import Models
    from learning.resources import Resources
    from policy.decision_point import DecisionPoint
    from runtime.clock import SystemClock
    from runtime.database import Database
    from runtime.kms import RootKey

    clock = SystemClock()
    with ExitStack() as opened:
        keyring = open_key_ring(settings.keys, RootKey.load(settings.root_key), clock)
        opened.callback(keyring.close)
        database = Database.open(settings.database)
        opened.callback(database.close)
        passwords = Passwords(settings.password_threads)
        opened.callback(passwords.close)
        yield Resources(
            settings=settings,
            clock=clock,
            database=database,
            keyring=keyring,
            passwords=passwords,
            entropy=secrets.token_bytes,  # house: randomness handed on as an argument
            decision_point=DecisionPoint.load(),
            models=Models.load(),
            rules=Rules.load(),
            courses=CourseCache(),
            times=TimesCache(clock),
        )


def _plugin(settings: Settings, resources: Resources) -> SimplePlugin:
    from governance.codec import SubjectCodec
    from runtime.temporal import plugin

    return plugin(SubjectCodec(resources.keyring), sandbox=settings.workflow_sandbox)


def api(chosen: argparse.Namespace, settings: Settings) -> int:
    """Serve HTTP."""
    return _until_stopped(_api(settings, frozenset(chosen.only)))


async def _api(settings: Settings, only: frozenset[str]) -> None:
    from api.app import create_app
    from api.services import SERVICES
    from api.serving import serve
    from runtime.temporal import connect

    with _resources(settings) as resources:
        client = await connect(settings, settings.learning_namespace, _plugin(settings, resources), lazy=True)
        app = create_app(resources, client, only or frozenset(SERVICES))
        await serve(app, settings)


def _api_arguments(parser: argparse.ArgumentParser) -> None:
    from api.services import SERVICES

    parser.add_argument(
        "--only", action="append", default=[], choices=sorted(SERVICES), help="serve this service alone"
    )


def worker(chosen: argparse.Namespace, settings: Settings) -> int:
    """Run the workflows and activities of one task queue."""
    return _until_stopped(_worker(settings, chosen.queue))


async def _worker(settings: Settings, queue: str) -> None:
    from runtime.health import heartbeat
    from runtime.temporal import connect_when_up
    from workflows.worker import QUEUES, build_worker

    governance = QUEUES[queue].governance
    namespace = settings.governance_namespace if governance else settings.learning_namespace
    with _resources(settings) as resources:
        client = await connect_when_up(settings, namespace, _plugin(settings, resources))
        async with build_worker(client, queue, resources), heartbeat(settings.heartbeat_file):
            await asyncio.Event().wait()


def _worker_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--queue", required=True, choices=("sessions", "governance"), help="task queue")


def stream(_: argparse.Namespace, settings: Settings) -> int:
    """Bring the engine up with what was committed."""
    return _until_stopped(_stream(settings))


async def _stream(settings: Settings) -> None:
    from activities.outbox import ConsentDeliveries, Outbox, SessionDeliveries
    from runtime.health import heartbeat
    from runtime.temporal import connect

    with _resources(settings) as resources:
        shared = _plugin(settings, resources)
        learning = await connect(settings, settings.learning_namespace, shared, lazy=True)
        governance = await connect(settings, settings.governance_namespace, shared, lazy=True)
        outbox = Outbox(
            resources,
            {
                **SessionDeliveries(resources, learning).by_kind(),
                **ConsentDeliveries(resources, learning, governance).by_kind(),
            },
        )
        async with heartbeat(settings.heartbeat_file):
            await outbox.keep_delivering()


def migrate(_: argparse.Namespace, settings: Settings) -> int:
    """Bring the database to the schema of this release."""
    from runtime.homes import ensure_home

    ensure_home(settings.home)
    print(f"The database is at revision {_migrate(settings)}.")
    return 0


def _migrate(settings: Settings) -> str:
    """Schema and root key: what must stand before a role can start."""
    from governance.keystore import key_store_stands
    from runtime.kms import RootKey
    from runtime.migrations import migrate

    revision = migrate(settings.migrate_url or settings.database, app_role=settings.app_role)
    if not settings.root_key.exists() and not key_store_stands(settings.keys):
        RootKey.create(settings.root_key)  # never beside a key store, whose own root key is missing then
    return revision


def course(chosen: argparse.Namespace, settings: Settings) -> int:
    """Import a course package for a school."""
    from governance.schools import require_school
    from learning.courses.importing import import_path

    with _resources(settings) as resources:
        school = resources.database.read_now(lambda tx: require_school(tx, chosen.school), tenant=None)
        return import_path(
            resources.database,
            school.tenant,
            chosen.path,
            clock=resources.clock,
            by=None,
            say=print,
            complain=_tell,
        )


def _course_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    importing = verbs.add_parser("import", help="check a package and import it, all or nothing")
    importing.add_argument("path", type=Path, help="folder of the package")
    importing.add_argument("--school", default="demo", help="short name of the school (default: demo)")


def replay(chosen: argparse.Namespace, settings: Settings) -> int:
    """Be a client of the running product, with records of real learners or with simulated ones."""
    import secrets

    from replays.commands import run

    secret = secrets.token_hex(32)  # house: randomness the secret of a new run, handed on as an argument
    return run(chosen, settings, lambda school: _operator(settings, school), secret)


def demo(chosen: argparse.Namespace, settings: Settings) -> int:
    """Simulated learners, labelled as such."""
    return replay(chosen, settings)


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    from replays.arguments import replay_arguments

    replay_arguments(parser)


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    from replays.arguments import demo_arguments

    demo_arguments(parser)


def _operator(settings: Settings, slug: str) -> tuple[str, str]:
    """E-mail address and password of this machine's own administrator of a school, made when first asked for.

    The password is kept in the home folder, readable by its owner alone, beside keys that open everything.
    """
    import json
    import secrets

    from governance.registration import NewAccount, register_now
    from governance.schools import school_by_slug
    from policy.vocabulary import Role
    from runtime.errors import NotFound

    kept = settings.home / "replays" / f"operator-{slug}.json"
    if kept.exists():
        email, password = json.loads(kept.read_text("utf-8"))
        return email, password
    kept.parent.mkdir(parents=True, exist_ok=True)
    email = (
        f"operator-{secrets.token_hex(4)}@{slug}.replay.invalid"  # house: randomness an address of its own
    )
    password = secrets.token_hex(20)  # house: randomness a password that nobody types
    with _resources(settings) as held:
        school = held.database.read_now(lambda tx: school_by_slug(tx, slug), None)
        if school is None:
            raise NotFound(f"There is no school '{slug}' on this machine; name another with --school")
        new = NewAccount(email, "Operator of replays", frozenset({Role.ADMIN}), password)
        register_now(
            held.database, held.keyring, held.passwords, held.clock, held.entropy, school.tenant, new
        )
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump([email, password], file)
    return email, password


def engine(chosen: argparse.Namespace, settings: Settings) -> int:
    """Find the workflow engine, or obtain it, and say where it is."""
    from runtime.engine.locate import Cluster
    from runtime.engine.server import prepare

    found = _locate(settings)
    if isinstance(found, Cluster):
        print(f"{found.address} (an existing cluster)")
    else:
        print(f"{found.path} (from {found.rung})")
    if chosen.prepare:
        asyncio.run(prepare(settings))
        print(f"{settings.engine} has our namespaces and search attributes")
    return 0


def _engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="also create our namespaces and search attributes on the engine that runs",
    )


def policy(chosen: argparse.Namespace, _: Settings) -> int:
    """Decide every possible request, and hold the result against invariants, matrix and reasons."""
    from policy.decision_point import DecisionPoint
    from policy.invariants import check_invariants
    from policy.matrix import CHANGES_FILE, MATRIX_FILE, check_matrix, enumerate_matrix, write_matrix

    point = DecisionPoint.load()
    matrix = enumerate_matrix(point)
    findings = check_invariants(matrix)
    if chosen.write is not None and not findings:
        files = {"matrix_file": MATRIX_FILE, "changes_file": CHANGES_FILE}
        added, removed = write_matrix(matrix, chosen.write, **files)
        print("\n".join([*(f"+ {row}" for row in added), *(f"- {row}" for row in removed)]))
    written = MATRIX_FILE.read_text("utf-8") if MATRIX_FILE.exists() else ""
    findings += check_matrix(matrix, written=written, changes=CHANGES_FILE.read_text("utf-8"))
    in_order = (
        f"{matrix.size} decisions are in order: policy {point.digest[:16]}, matrix {matrix.digest[:16]}"
    )
    print("\n".join(findings) or in_order)
    return 1 if findings else 0


def _policy_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--write", metavar="REASON", help="write the matrix anew, and this reason on top of policy/CHANGES.md"
    )


COMMANDS: tuple[Command, ...] = (
    Command("up", "run the whole product on this machine, for evaluation", up),
    Command("api", "serve HTTP", api, _api_arguments),
    Command("worker", "run the workflows and activities of one task queue", worker, _worker_arguments),
    Command("stream", "bring the engine up with what was committed", stream),
    Command("migrate", "bring the database to the schema of this release", migrate),
    Command("course", "check and import course packages", course, _course_arguments),
    Command("replay", "play real learners' records into a running product", replay, _replay_arguments),
    Command(
        "demo", "let simulated learners take the shipped course on a running product", demo, _demo_arguments
    ),
    Command(
        "engine", "find the Temporal server, or obtain it, and print where it is", engine, _engine_arguments
    ),
    Command(
        "policy",
        "check every decision of the policy against its matrix and invariants",
        policy,
        _policy_arguments,
    ),
)


def _locate(settings: Settings) -> Engine:
    """The engine for this machine, with a progress bar for the minutes that obtaining it may take."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from runtime.engine.obtain import Surroundings, locate

    console = Console(stderr=True)
    if not console.is_terminal:
        return locate(Surroundings(settings=settings, tell=_tell_once()))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=None, visible=False)

        def tell(phrase: str, share: float | None) -> None:
            total = None if share is None else 1.0
            progress.update(bar, description=phrase, total=total, completed=share or 0.0, visible=True)

        return locate(Surroundings(settings=settings, tell=tell))


def _tell_once() -> Callable[[str, float | None], None]:
    """For a file or a pipe: one line for each new thing that goes on."""
    told = ""

    def tell(phrase: str, _share: float | None) -> None:
        nonlocal told
        if phrase != told:
            _tell(f"{phrase[0].upper()}{phrase[1:]}")
        told = phrase

    return tell


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _step(phrase: str) -> Iterator[None]:
    """Say what takes a while: a spinner where somebody watches, a line where a file does."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        _tell(phrase)
        yield
        return
    with console.status(phrase):
        yield


def _until_stopped(role: Coroutine[Any, Any, None]) -> int:
    """Run a role until SIGINT or SIGTERM; both cancel it, so that whatever it opened is closed on the way."""

    async def run() -> None:
        running = asyncio.ensure_future(role)
        loop = asyncio.get_running_loop()
        for stop in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stop, running.cancel)
        try:
            await running
        except asyncio.CancelledError:
            _tell("Stopped.")

    asyncio.run(run())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tutela", description="Adaptive learning, accountable by design.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        of_command = commands.add_parser(command.name, help=command.help, description=command.help)
        command.arguments(of_command)
        of_command.set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    try:
        chosen = _parser().parse_args(arguments)
        settings = Settings()
    except SystemExit as usage:  # argparse has printed help or what was wrong
        return usage.code if isinstance(usage.code, int) else 1
    except ValidationError as unfit:
        for fault in unfit.errors():
            _tell(f"tutela: {_variable(fault['loc'])}: {fault['msg']}")
        return 1
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        run: Run = chosen.run
        return run(chosen, settings)
    except SystemExit as end:  # a library's way of giving up; it has said why
        return end.code if isinstance(end.code, int) else 1
    except TutelaError as refusal:
        _tell(f"tutela: {refusal.detail}")
        return 1
    except KeyboardInterrupt:
        return STOPPED_BY_OPERATOR
    except Exception as fault:  # noqa: BLE001  # the last line of defence: a sentence for the operator, the rest to the log
        _tell(
            f"tutela: Something went wrong on our side ({type(fault).__name__}); see {_write_down(settings)}"
        )
        return 1


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "settings"
    return name if name.startswith("TEMPORAL_") else f"TUTELA_{name.upper()}"


def _write_down(settings: Settings) -> str:
    """The traceback, where an operator finds it; on the screen if even that cannot be written."""
    log = settings.home / "logs" / "tutela.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            traceback.print_exc(file=file)
    except OSError:
        traceback.print_exc()
        return "above"
    return str(log)


def leave(status: int) -> NoReturn:
    """End the process with its own status, whatever native threads do.

    The Temporal SDK's runtime can crash while the interpreter shuts down (``PyGILState_Release``, or a
    segmentation fault; seen in 3 of 25 short runs), after all work was done. So nothing is left to the
    interpreter's own end: commands close what they opened, this flushes, and the process ends here.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with _broken_pipe_allowed():
            stream.flush()
    os._exit(status)


@contextmanager
def _broken_pipe_allowed() -> Iterator[None]:
    """``tutela ... | head`` is no error of ours."""
    try:
        yield
    except BrokenPipeError:
        return


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)  # what is waiting in plain code unwinds as for Ctrl-C
    leave(main(sys.argv[1:]))
