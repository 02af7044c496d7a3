"""Try logins and sessions by hand: `python -m simulators.nas --help`."""

import dataclasses
import json
import time
from collections.abc import Callable
from typing import Any, cast

import click

from simulators.nas.login import LoginResult, Method
from simulators.nas.nas import SimulatedNas
from simulators.nas.options import Flavour
from simulators.nas.session import NasSession
from simulators.nas.wire import Address

Command = Callable[..., None]


def _host_port(
    context: click.Context, parameter: click.Parameter, value: str
) -> Address:
    """Read an address with a port, as in 127.0.0.1:1812."""
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter(f"{value!r} is not host:port", context, parameter)
    return host, int(port)


_OPTIONS = (
    click.option("--server", callback=_host_port, default="127.0.0.1:1812"),
    click.option("--secret", required=True, help="RADIUS shared secret."),
    click.option("--source", default="127.0.0.2", help="The NAS's own address."),
    click.option("--identifier", help="NAS-Identifier."),
    click.option("--user", required=True),
    click.option("--password", required=True),
    click.option(
        "--method",
        type=click.Choice(["pap", "chap", "mschapv2", "eap-md5"]),
        default="pap",
    ),
    click.option(
        "--flavour",
        type=click.Choice([flavour.value for flavour in Flavour]),
        default=Flavour.PPPOE.value,
    ),
    click.option("--mac", help="The customer's MAC address."),
)


def _login_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(help=__doc__)
def main() -> None:
    """Offer the commands."""


@main.command()
@_login_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def login(as_json: bool, **options: Any) -> None:
    """Log in once; exit 0 if accepted, 1 if not."""
    with _nas(options, acct=options["server"], coa_port=0) as nas:
        result = _log_in(nas, options)
    if as_json:
        click.echo(json.dumps(_as_json(result), indent=2))
    else:
        _show_login(nas, result)
    raise SystemExit(0 if result.accepted else 1)


@main.command()
@_login_options
@click.option("--acct", callback=_host_port, default="127.0.0.1:1813")
@click.option("--coa-port", type=int, default=3799, help="0 takes a free one.")
@click.option("--up", type=int, default=10_000, help="Octets/s from the customer.")
@click.option("--down", type=int, default=100_000, help="Octets/s to the customer.")
@click.option("--seconds", type=float, default=3600.0, help="How long, at most.")
@click.option("--speed", type=float, default=1.0, help="Session seconds per second.")
@click.option("--show-every", type=float, default=5.0, help="Real seconds.")
def run(
    acct: Address,
    coa_port: int,
    up: int,
    down: int,
    seconds: float,
    speed: float,
    show_every: float,
    **options: Any,
) -> None:
    """Log in, stay on-line with traffic, report and obey CoA until the end."""
    with _nas(options, acct=acct, coa_port=coa_port) as nas:
        result = _log_in(nas, options)
        _show_login(nas, result)
        if not result.accepted:
            raise SystemExit(1)
        session = nas.start_session(result, up=up, down=down)
        _say(nas, f"CoA on {nas.address}:{nas.coa_port}")
        progress = _Progress(nas, session, show_every)
        try:
            nas.run_realtime(seconds, speed=speed, on_tick=progress.tick)
        except KeyboardInterrupt:
            _say(nas, "interrupted")
        if session.is_live:
            session.stop("User-Request")
        nas.flush()
        progress.show()
        _say(nas, f"session ended: {session.terminate_cause}")


class _Progress:
    """Show a session while it runs, and each CoA as it comes."""

    def __init__(self, nas: SimulatedNas, session: NasSession, every: float) -> None:
        self._nas = nas
        self._session = session
        self._every = every
        self._next = time.monotonic()
        self._coa_shown = 0

    def tick(self) -> None:
        """Show what is new."""
        received = self._nas.coa_received
        for request in received[self._coa_shown :]:
            answer = request.answer or f"no answer ({request.ignored_because})"
            cause = f" {request.error_cause}" if request.error_cause else ""
            _say(self._nas, f"{request.kind} received: {answer}{cause}")
        self._coa_shown = len(received)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self.show()

    def show(self) -> None:
        """Show the counters."""
        session = self._session
        last = session.deliveries[-1]
        acknowledged = "acknowledged" if last.acknowledged else "NOT acknowledged"
        _say(
            self._nas,
            f"{session.acct_session_id}: {session.session_seconds} s,"
            f" up {session.input_octets}, down {session.output_octets} octets;"
            f" {last.status} {acknowledged}",
        )


def _nas(options: dict[str, Any], *, acct: Address, coa_port: int) -> SimulatedNas:
    try:
        return SimulatedNas(
            options["source"],
            options["secret"].encode(),
            auth=options["server"],
            acct=acct,
            flavour=Flavour(options["flavour"]),
            identifier=options["identifier"],
            coa_port=coa_port,
        )
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {options['source']}:{coa_port}: {error.strerror}"
        ) from error


def _log_in(nas: SimulatedNas, options: dict[str, Any]) -> LoginResult:
    return nas.login(
        options["user"],
        options["password"],
        method=cast(Method, options["method"]),
        mac=options["mac"],
    )


def _show_login(nas: SimulatedNas, result: LoginResult) -> None:
    _say(nas, f"login of {result.username}: {result.outcome}")
    if result.server_authenticated is False:
        _say(nas, "  but the server did not prove that it knows the password")
    for name, values in result.attributes.items():
        for value in values:
            shown = "0x" + value.hex() if isinstance(value, bytes) else value
            _say(nas, f"  {name} = {shown}")


def _say(nas: SimulatedNas, text: str) -> None:
    click.echo(f"[simulated NAS {nas.address}] {text}")


def _as_json(result: LoginResult) -> dict[str, object]:
    return {
        "simulated": True,
        "accepted": result.accepted,
        "outcome": result.outcome,
        "reply_message": result.reply_message,
        "round_trips": result.round_trips,
        "line": dataclasses.asdict(result.line),
        "limits": dataclasses.asdict(result.limits),
        "attributes": {
            name: ["0x" + v.hex() if isinstance(v, bytes) else v for v in values]
            for name, values in result.attributes.items()
        },
    }


if __name__ == "__main__":
    main()
