"""Painpoint's composition root and command line: joins settings, warehouse, store, schedule and web; reads the clock."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from analytics.inquiring import AbsentError
from data.commands import DONE, FAILED, WRONG_INPUT, run_command
from data.service import Service, ask, is_running, socket_folder
from data.session import Session, feed_rules
from data.settings import Settings, SettingsError, load_settings, role_problem
from data.store import StoreError
from data.warehouse import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alerts.office import Office
    from alerts.rehearsal import Rehearsal
    from data.inquiry import Inquiry

DEMO = Path(__file__).parent / "var" / "demo"
DEFAULT = Path("settings.toml")

app = typer.Typer(
    name="painpoint",
    help="Shows where an after-sales network hurts, hides what is fine, and says what it does not know.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
quarantine = typer.Typer(help="The rejected rows with their reasons.", invoke_without_command=True)
app.add_typer(quarantine, name="quarantine")
export = typer.Typer(help="What an analyst or a lawyer takes away.", no_args_is_help=True)
app.add_typer(export, name="export")

SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", help="The settings file; settings.toml if there is one, else the demo network."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document; progress goes to stderr.")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="Judge as of this ISO time; without a zone it is the network's.")
]

FormatOption = Annotated[
    str | None, typer.Option("--format", help="Left out: what the ending of --out says, else csv.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="The file to write; left out: standard output. An older file is replaced.")
]
VersionOption = Annotated[int | None, typer.Option("--version", help="As this Board saw it.")]
SliceOption = Annotated[list[str] | None, typer.Option("--slice", help="name=value; several make a finer slice.")]


def clock() -> datetime:
    return datetime.now(UTC)


class Terminal:
    """Prints results to stdout and everything else to stderr; draws progress where somebody can see it."""

    def __init__(self) -> None:
        self._out = Console(soft_wrap=True, highlight=False, markup=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        self._bar: Progress | None = None
        self._task: Any = None

    def out(self, text: str) -> None:
        self.close()
        # written straight: a console would wrap a JSON document's long lines at the width of the terminal
        sys.stdout.write(text + "\n")

    def err(self, text: str) -> None:
        self.close()
        self._err.print(text)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        self.close()
        table = Table(title=title, title_justify="left")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        console = self._out if self._out.is_terminal else Console(width=200, highlight=False, markup=False)
        console.print(table)

    def progress(self, done: int, total: int | None, what: str) -> None:
        if not self._err.is_terminal:
            return
        if self._bar is None:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=self._err, transient=True)
            self._task = self._bar.add_task(what, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, description=what)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def main(arguments: list[str] | None = None) -> int:
    """Run a command; give its exit code. Whatever goes wrong is said in a sentence."""
    terminal = Terminal()
    try:
        code = app(arguments, standalone_mode=False)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except typer.Abort:
        return WRONG_INPUT
    except SettingsError as error:
        for problem in error.problems:
            terminal.err(problem)
        return WRONG_INPUT
    except (WarehouseError, StoreError, OSError) as error:
        terminal.err(str(error))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is not None:  # every usage error of the command line
            terminal.err(f"{usage()} See --help.")
            return WRONG_INPUT
        logging.getLogger(__name__).debug("failed", exc_info=True)
        if os.environ.get("PAINPOINT_TRACEBACK"):
            raise
        said = str(error).partition("\n")[0]
        terminal.err(f"This failed through a fault of Painpoint's: {type(error).__name__}: {said}")
        terminal.err("Set PAINPOINT_TRACEBACK=1 to see where.")
        return FAILED
    return int(code or DONE)


def find_settings(path: Path | None) -> Path:
    """Give the settings file: the one named, settings.toml here, or the demo's, which is written if it is not there."""
    if path is not None:
        return path
    if DEFAULT.exists():
        return DEFAULT
    if not (DEMO / "settings.toml").exists():
        write_demo(DEMO, partners=24, days=100, seed=1)
    return DEMO / "settings.toml"


def write_demo(out: Path, *, partners: int, days: int, seed: int, quiet: bool = False) -> None:
    from data.demo import write_network  # noqa: PLC0415  # only the demo needs it

    terminal = Terminal()
    try:
        write_network(
            out,
            partners=partners,
            days=days,
            seed=seed,
            quiet=quiet,
            now=clock(),
            progress=lambda share, what: terminal.progress(round(share * 100), 100, what),
        )
    finally:
        terminal.close()


def execute(name: str, options: dict[str, Any], path: Path | None) -> int:
    """Run a command here, or let the running product do it, which holds the warehouse then."""
    terminal = Terminal()
    try:
        settings = load_settings(find_settings(path), os.environ)
        request = {
            "command": name,
            "options": options,
            "settings": str(settings.path.absolute()),
            "environ": dict(os.environ),
        }
        code = ask(socket_folder(settings), request, terminal)
        if code is not None:
            return code
        session = Session.open(settings, clock, rehearsal)
        try:
            return run_command(name, options, session, terminal)
        finally:
            session.close()
    finally:
        terminal.close()


@app.command()
def run(
    settings: SettingsOption = None,
    port: Annotated[int | None, typer.Option(help="Serve the pages on this port.", min=0, max=65535)] = None,
    role: Annotated[str, typer.Option(help="all, or web or worker: one half of it, beside others.")] = "all",
) -> int:
    """Load, judge and serve the wall until stopped."""
    if role not in ("all", "web", "worker"):
        raise typer.BadParameter(f"{role!r} is none; choose all, web or worker", param_hint="--role")
    path = find_settings(settings)
    loaded = load_settings(path, os.environ)
    problem = role_problem(loaded, role)
    if problem is not None:
        raise SettingsError([problem])
    return serve(loaded, port if port is not None else loaded.web_port)


def serve(settings: Settings, port: int) -> int:
    """Run the whole product in this process until SIGTERM or SIGINT."""
    from data.inbox import Inbox  # noqa: PLC0415  # the other commands start a second faster without the web
    from data.inquiry import Inquiry  # noqa: PLC0415
    from data.schedule import Engine  # noqa: PLC0415
    from data.screens import ScreenStore  # noqa: PLC0415
    from layouts.desk import RefusedError  # noqa: PLC0415
    from layouts.feed import BoardFeed  # noqa: PLC0415
    from layouts.web import Server, build_app  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("apscheduler", "alembic", "uvicorn.access", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    if is_running(socket_folder(settings)):
        raise SettingsError([f"{settings.path}: Painpoint is running on this store already; stop that one first."])
    door = _open_door(settings.web_host, port)
    session = Session.open(settings, clock, rehearsal)
    feed = BoardFeed()
    office = open_office(settings, session, door.getsockname()[1])
    engine = Engine(session, feed.publish, feed.beat, office.recorder.record)
    service = Service(session, lambda _: engine.wake())
    inbox = Inbox(session, engine.wake)
    inquiry = Inquiry(session, engine.wake)
    if (settings.path.absolute().parent / "systems").is_dir():
        _play_demo(settings.path.absolute().parent, engine)
    web = build_app(
        feed,
        title=settings.network,
        public_url=settings.public_url,
        clock=clock,
        door=inbox,
        desk=office.desk(RefusedError),
        inquiry=inquiry,
        screens=ScreenStore(session.store.engine),
        walls=settings.walls,
        boards=lambda version: stored_board(inquiry, version),
    )
    server = Server(web, host=settings.web_host, port=port, log_level="warning")
    service.start()
    engine.start()
    office.start()
    Terminal().err(f"{settings.network}: the wall is at http://{settings.web_host}:{door.getsockname()[1]}")
    try:
        # the server stops on both and then raises the signal once more, which must not cut the clean end short
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, signal.SIG_IGN)
        server.run(sockets=[door])
    finally:
        service.stop()
        inbox.close()
        engine.stop()
        office.stop()
        inquiry.close()
        session.close()
    return DONE if server.started else FAILED


def stored_board(inquiry: Inquiry, version: int) -> Mapping[str, Any] | None:
    """Give a stored Board's JSON, those asked for last from memory; None where it is not kept."""
    try:
        return inquiry.board(version)
    except AbsentError:
        return None


def rehearsal(settings: Settings) -> Rehearsal:
    """Give a rehearsal of what the settings say of alerts: nothing of it leaves."""
    from alerts.rehearsal import Rehearsal  # noqa: PLC0415  # only backtest needs it

    return Rehearsal(settings.alerting, settings.network)


def open_office(settings: Settings, session: Session, port: int) -> Office:
    """Join alerts to the store, the mail server and the addresses of the pages."""
    from alerts.office import Office  # noqa: PLC0415
    from alerts.transports import Folder, Smtp  # noqa: PLC0415

    mail = settings.mail
    address = settings.public_url
    if address is None and mail is not None and mail.folder is not None:
        address = f"http://{settings.web_host}:{port}"  # mails that stay on this machine may lead to it

    def way() -> Folder | Smtp:
        assert mail is not None  # noqa: S101  # asked below
        if mail.folder is not None:
            return Folder(mail.folder)
        return Smtp(mail.host, mail.port, mail.sender, mail.user, mail.password, mail.tls)

    return Office(
        session.store.engine,
        settings.alerting,
        settings.network,
        mail.sender if mail is not None else "Painpoint <painpoint@localhost>",
        address,
        clock,
        way if mail is not None else None,
    )


def _open_door(host: str, port: int) -> socket.socket:
    """Take the port before anything else starts, so that a taken one is said at once."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise SettingsError(
            [f"http://{host}:{port} cannot be served: {error.strerror}; choose another with --port or [web] port."]
        ) from error


def _play_demo(folder: Path, engine: Any) -> None:
    """Let the demo's partner systems go on writing while the product runs."""
    from data.demo import LiveNetwork  # noqa: PLC0415

    network = LiveNetwork(folder)
    engine.every(1.0, lambda: network.advance(clock()), "demo")


@app.command()
def load(
    sources: Annotated[list[str] | None, typer.Argument(help="The sources to pull; all if none is named.")] = None,
    settings: SettingsOption = None,
    json: JsonOption = False,
) -> int:
    """Pull each source once and say where its rows went."""
    return execute("load", {"sources": sources or [], "json": json}, settings)


@app.command()
def board(
    as_of: AsOfOption = None,
    version: Annotated[int | None, typer.Option(help="Print this Board as it was judged.")] = None,
    kpi: Annotated[list[str] | None, typer.Option(help="Judge only this KPI, or several.")] = None,
    more: Annotated[list[str] | None, typer.Argument(help="Further keys behind --kpi.", metavar="[KEY]...")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Print what is green too.")] = False,
    settings: SettingsOption = None,
    json: JsonOption = False,
) -> int:
    """Judge and print the pain points."""
    if more and not kpi:
        raise typer.BadParameter(f"{more[0]!r} is no option; write --kpi {more[0]} to judge one KPI")
    options = {"as_of": as_of, "version": version, "kpis": [*(kpi or []), *(more or [])], "all": all_, "json": json}
    return execute("board", options, settings)


@app.command()
def check(settings: SettingsOption = None) -> int:
    """Say every mistake in the settings, the KPIs and the sources, with its mend."""
    from data.check import check_file  # noqa: PLC0415

    path = find_settings(settings)
    problems = check_file(path, os.environ)
    for problem in problems:
        sys.stdout.write(problem + "\n")
    if problems:
        return WRONG_INPUT
    loaded = load_settings(path, os.environ)
    sys.stdout.write(f"{path}: {len(loaded.sources)} sources and {len(loaded.kpis)} KPIs are in order.\n")
    return DONE


@app.command()
def explain(
    kpi: Annotated[str, typer.Argument(help="The key of the KPI.")],
    slice_: Annotated[list[str] | None, typer.Option("--slice", help="name=value; several make a finer slice.")] = None,
    as_of: AsOfOption = None,
    settings: SettingsOption = None,
    json: JsonOption = False,
) -> int:
    """Say why a KPI of a slice has its level."""
    return execute("explain", {"kpi": kpi, "slice": slice_ or [], "as_of": as_of, "json": json}, settings)


@app.command()
def backtest(
    first: Annotated[str, typer.Option("--from", help="The first day to replay, like 2026-10-01.")],
    last: Annotated[str, typer.Option("--to", help="The last day to replay.")],
    truth: Annotated[
        Path | None, typer.Option(help="A demo network's truth.json; left out: the one beside the settings.")
    ] = None,
    every: Annotated[
        str, typer.Option(help='Judge so often, like "4 h": with once a day the times of mails mean little.')
    ] = "1 d",
    against: Annotated[
        Path | None, typer.Option(help="Other settings over the same sources, to hold side by side.")
    ] = None,
    settings: SettingsOption = None,
    json: JsonOption = False,
) -> int:
    """Replay days as they were known then: what would have been red, and who would have got which mail."""
    options: dict[str, Any] = {"from": first, "to": last, "every": every, "json": json}
    # paths are those of whoever asks, wherever the product that answers was started
    options |= {"truth": truth and str(truth.absolute()), "against": against and str(against.absolute())}
    options |= {"environ": dict(os.environ)} if against else {}
    return execute("backtest", options, settings)


@app.command("test-alerts")
def try_alerts(
    file: Annotated[Path, typer.Argument(help="A file of readings over time and the mails expected.")],
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="The settings to test; those that the file names, else settings.toml."),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Try your own alert rules: play readings through routes and limits, and hold the mails against those expected."""
    from alerts.trial import as_json, as_lines, play  # noqa: PLC0415  # only this command plays
    from analytics.staged import Staged  # noqa: PLC0415
    from data.reporting import in_json  # noqa: PLC0415
    from data.settings.trials import read_trials  # noqa: PLC0415

    loaded, trials = read_trials(file, settings, os.environ)
    kpis, feeds = {kpi.key: kpi for kpi in loaded.kpis}, feed_rules(loaded)
    played = [
        play(trial, Staged(trial, kpis, feeds, loaded.network, loaded.timezone), loaded.alerting) for trial in trials
    ]
    failed = sum(not each.passed for each in played)
    if json:
        tests = [as_json(each) for each in played]
        counts = {"passed": len(played) - failed, "failed": failed}
        sys.stdout.write(in_json({"file": str(file), "settings": str(loaded.path), **counts, "tests": tests}) + "\n")
    else:
        lines = [line for each in played for line in as_lines(each)]
        sys.stdout.write("\n".join([*lines, f"{len(played) - failed} passed, {failed} failed"]) + "\n")
    return WRONG_INPUT if failed else DONE


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    partners: Annotated[int, typer.Option(help="How many partners.", min=1)] = 24,
    days: Annotated[int, typer.Option(help="How many days of history.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Plant no troubles: what turns red there is chance.")] = False,
) -> int:
    """Write a simulated network's systems, its settings and its truth."""
    write_demo(out, partners=partners, days=days, seed=seed, quiet=quiet)
    sys.stdout.write(f"Written; now: python app.py run --settings {out / 'settings.toml'}\n")
    return DONE


def carry(name: str, options: dict[str, Any], settings: Path | None, format_: str | None, out: Path | None) -> int:
    """Run an export; its file is that of whoever asks, wherever the product that answers was started."""
    from data.exports.destination import asked_destination  # noqa: PLC0415  # only exports need it

    with asked_destination(out, format_) as destination:
        return execute(name, options | {"format": format_} | destination, settings)


@export.command("order")
def export_order(
    order: Annotated[str, typer.Argument(help="The order's id.")],
    format_: FormatOption = None,
    out: OutOption = None,
    as_of: AsOfOption = None,
    batch: Annotated[int | None, typer.Option(help="Up to this batch, as the record itself says it.", min=0)] = None,
    version: VersionOption = None,
    settings: SettingsOption = None,
) -> int:
    """Write all that is known of an order, step by step, with its sources: csv, xes or pdf."""
    options = {"order": order, "as_of": as_of, "batch": batch, "version": version}
    return carry("export order", options, settings, format_, out)


@export.command("readings")
def export_readings(
    kpi: Annotated[list[str] | None, typer.Option(help="Only this KPI, or several.")] = None,
    slice_: SliceOption = None,
    level: Annotated[list[str] | None, typer.Option(help="Only this level, or several.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="What is green too.")] = False,
    format_: FormatOption = None,
    out: OutOption = None,
    as_of: AsOfOption = None,
    version: VersionOption = None,
    settings: SettingsOption = None,
) -> int:
    """Write the readings of a Board: csv, xlsx or parquet."""
    chosen = {"kpis": kpi or [], "slice": slice_ or [], "levels": level or [], "all": all_}
    return carry("export readings", chosen | {"as_of": as_of, "version": version}, settings, format_, out)


@export.command("rows")
def export_rows(
    kpi: Annotated[str, typer.Argument(help="The key of the KPI.")],
    slice_: SliceOption = None,
    format_: FormatOption = None,
    out: OutOption = None,
    as_of: AsOfOption = None,
    version: VersionOption = None,
    settings: SettingsOption = None,
) -> int:
    """Write all rows behind a number, which add up to it: csv, xlsx or parquet."""
    options = {"kpi": kpi, "slice": slice_ or [], "as_of": as_of, "version": version}
    return carry("export rows", options, settings, format_, out)


@export.command("scorecard")
def export_scorecard(
    partner: Annotated[str, typer.Argument(help="The partner's name.")],
    out: OutOption = None,
    as_of: AsOfOption = None,
    version: VersionOption = None,
    settings: SettingsOption = None,
) -> int:
    """Draw a partner's scorecard for the monthly meeting: a PDF of one or two pages."""
    return carry("export scorecard", {"partner": partner, "as_of": as_of, "version": version}, settings, "pdf", out)


@quarantine.callback()
def list_quarantine(context: typer.Context, settings: SettingsOption = None, json: JsonOption = False) -> None:
    """List the rejected rows with their reasons."""
    context.obj = settings
    if context.invoked_subcommand is None:
        raise typer.Exit(execute("quarantine", {"json": json}, settings))


@quarantine.command()
def replay(context: typer.Context, settings: SettingsOption = None, json: JsonOption = False) -> int:
    """Try the rejected rows again, after a mend."""
    return execute("quarantine replay", {"json": json}, settings or context.obj)


if __name__ == "__main__":
    sys.exit(main())
