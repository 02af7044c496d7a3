"""A simulated NAS: it logs customers in, accounts for them and obeys CoA."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from simulators.nas.accounting import AcctDelivery, AcctSender, AcctServer
from simulators.nas.attributes import (
    Extra,
    Line,
    NasIdentity,
    Value,
    line_attributes,
    nas_attributes,
    with_extra,
)
from simulators.nas.coa_rules import Attributes, Kind, judge
from simulators.nas.coa_server import CoaReceived, CoaServer, Decision
from simulators.nas.due import run_due
from simulators.nas.limits import read_limits
from simulators.nas.lines import new_line, pool_address
from simulators.nas.login import LoginResult, LoginServer, Method, log_in
from simulators.nas.meter import MICRO
from simulators.nas.options import CoaBehaviour, Flavour, Quirks, Retry, Weather
from simulators.nas.session import NasSession, SessionHost
from simulators.nas.wire import Address

# Each boot of each NAS has its number in its Acct-Session-Ids, so that two NAS at the
# same address in one run do not repeat one.
_BOOTS: Final = itertools.count(int.from_bytes(os.urandom(2)))
_DRAIN_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 0.05


class SimulatedNas:
    """One NAS at one loopback address. Close it, or use it in a `with` block.

    Its clock is virtual and moves only by `advance` and `run_realtime`. Packets are
    real, and each call returns when its packet is acknowledged or given up.
    """

    def __init__(
        self,
        address: str,
        secret: bytes,
        *,
        auth: Address = ("127.0.0.1", 1812),
        acct: Address = ("127.0.0.1", 1813),
        flavour: Flavour = Flavour.PPPOE,
        identifier: str | None = None,
        coa_port: int = 0,
        coa_secret: bytes | None = None,
        quirks: Quirks | None = None,
        weather: Weather | None = None,
        retry: Retry | None = None,
        login_retry: Retry | None = None,
        clock_start: float | None = None,
    ) -> None:
        self.identity = NasIdentity(address, identifier or f"sim-{address}", flavour)
        quirks = quirks or Quirks()
        self.quirks = quirks
        self.coa_behaviour = CoaBehaviour()
        self._login_server = LoginServer(
            address,
            auth,
            secret,
            login_retry or Retry(timeout_seconds=2.0, attempts=3),
            quirks.message_authenticator,
            quirks.requires_message_authenticator,
        )
        self._sender = AcctSender(
            AcctServer(address, acct, secret, retry or Retry(), weather or Weather())
        )
        self._clock_start = time.time() if clock_start is None else clock_start
        self._elapsed_us = 0
        self._lock = threading.RLock()
        self._advancing = threading.RLock()
        self._sessions: dict[NasSession, None] = {}
        self._lines = 0
        self._boot = next(_BOOTS)
        self._background = ThreadPoolExecutor(
            max_workers=4, thread_name_prefix=f"simulated-nas-{address}"
        )
        # What Disconnects and CoAs have left to do.
        self._owed_count = 0
        self._all_done = threading.Condition(self._lock)
        self._is_off = False
        self._host = SessionHost(
            self.identity,
            quirks,
            self._lock,
            lambda: self._elapsed_us,
            self._event_timestamp,
            self._sender.deliver,
        )
        self._coa = CoaServer(
            address,
            coa_port,
            secret if coa_secret is None else coa_secret,
            behaviour=lambda: self.coa_behaviour,
            decide=self._decide,
            now=lambda: time.time() + quirks.clock_skew_seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """Return the address of all it sends, which is its NAS-IP-Address."""
        return self.identity.address

    @property
    def identifier(self) -> str:
        """Return the NAS-Identifier."""
        return self.identity.identifier

    @property
    def coa_port(self) -> int:
        """Return the port it takes CoA and Disconnect on."""
        return self._coa.port

    @property
    def coa_received(self) -> list[CoaReceived]:
        """Return all CoA and Disconnect requests that came, in order."""
        return list(self._coa.received)

    @property
    def now(self) -> float:
        """Return the time of the virtual clock, in seconds since the epoch."""
        return self._clock_start + self._elapsed_us / MICRO

    @property
    def sessions(self) -> list[NasSession]:
        """Return the live sessions."""
        with self._lock:
            return [session for session in self._sessions if session.is_live]

    def login(
        self,
        username: str,
        password: str,
        *,
        method: Method = "pap",
        mac: str | None = None,
        extra: Extra = (),
    ) -> LoginResult:
        """Ask the server whether a customer may go on-line.

        Without a MAC address it is a new device each time.
        """
        with self._lock:
            self._lines += 1
            line = new_line(self.identity, self._boot, self._lines, username, mac)
        attributes = line_attributes(self.identity, line)
        if line.host_ip is not None:
            attributes.append(("Framed-IP-Address", line.host_ip))
        # A DHCP server has no session before it has given the lease.
        is_dhcp = self.identity.flavour is Flavour.DHCP
        if self.quirks.session_id_in_login and not is_dhcp:
            attributes.append(("Acct-Session-Id", line.acct_session_id))
        return log_in(
            self._login_server, line, password, method, with_extra(attributes, extra)
        )

    def start_session(
        self,
        login: LoginResult,
        *,
        up: int = 0,
        down: int = 0,
        send_start: bool = True,
        acct_session_id: str | None = None,
    ) -> NasSession:
        """Put an accepted customer on-line, with traffic in octets per second."""
        if not login.accepted:
            raise ValueError(f"the login of {login.username} was not accepted")
        line = login.line
        if acct_session_id is not None:
            line = Line(
                line.username, line.mac, line.nas_port, acct_session_id, line.host_ip
            )
        session = NasSession(
            self._host,
            line,
            framed_ip=login.framed_ip or line.host_ip or pool_address(line),
            class_values=login.attributes.get("Class", ()),
            limits=login.limits,
            interim_interval_seconds=login.interim_interval_seconds
            or self.quirks.interim_interval_seconds,
        )
        session.set_traffic(up=up, down=down)
        with self._lock:
            self._sessions[session] = None
        if send_start:
            session.start()
        return session

    def advance(self, seconds: float) -> None:
        """Move the clock; what falls due on the way happens at its moment."""
        with self._advancing:
            self._advance_to(self._elapsed_us + round(seconds * MICRO))

    def _advance_to(self, target_us: int) -> None:
        with self._advancing:
            run_due(self.sessions, target_us, self._set_clock)
            self._set_clock(target_us)
        self._forget_ended()

    def _set_clock(self, now_us: int) -> int:
        """Bring the clock to a moment, never back; return what it shows."""
        self._elapsed_us = max(self._elapsed_us, now_us)
        return self._elapsed_us

    def run_realtime(
        self,
        seconds: float,
        *,
        speed: float = 1.0,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow the wall clock, `speed` times as fast, while a session is live."""
        started, started_us = time.monotonic(), self._elapsed_us
        passed = 0.0
        while passed < seconds and self.sessions:
            time.sleep(_TICK_SECONDS)
            passed = min(seconds, (time.monotonic() - started) * speed)
            self._advance_to(started_us + round(passed * MICRO))
            on_tick()

    def accounting_on(self) -> AcctDelivery:
        """Say that the NAS has started."""
        return self._report_nas("Accounting-On")

    def accounting_off(self) -> AcctDelivery:
        """Say that the NAS goes down; its sessions end without a Stop."""
        self._end_all()
        return self._report_nas("Accounting-Off")

    def reboot(self) -> AcctDelivery:
        """Lose all sessions without a word, then come back with Accounting-On."""
        self._end_all()
        self._boot = next(_BOOTS)
        return self.accounting_on()

    def send_accounting(self, attributes: Sequence[tuple[str, Value]]) -> AcctDelivery:
        """Send an accounting packet of the caller's making; bytes go as they are."""
        return self._sender.deliver(attributes)

    def wait_until(
        self, condition: Callable[[], bool], timeout_seconds: float = 5.0
    ) -> bool:
        """Wait for something to become true, such as a Disconnect having come."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def flush(self) -> None:
        """Wait until pending Stops are sent, then send what the weather held back."""
        self._wait_for_owed(None)
        self._sender.release_held()

    def close(self) -> None:
        """Switch the NAS off; Stops on their way get a few seconds."""
        self._coa.close()
        self._wait_for_owed(_DRAIN_SECONDS)
        with self._lock:
            self._is_off = True
        self._sender.give_up()
        self._background.shutdown()

    def _event_timestamp(self) -> int | None:
        if self.quirks.event_timestamp == "none":
            return None
        is_virtual = self.quirks.event_timestamp == "virtual"
        seconds = self.now if is_virtual else time.time()
        return int(seconds) + self.quirks.clock_skew_seconds

    def _report_nas(self, status: str) -> AcctDelivery:
        attributes = [
            ("Acct-Status-Type", status),
            # hostapd and CoovaChilli send an id of the NAS's own here.
            ("Acct-Session-Id", f"{self._boot:08x}"),
            *nas_attributes(self.identity),
        ]
        event_timestamp = self._event_timestamp()
        if event_timestamp is not None:
            attributes.append(("Event-Timestamp", event_timestamp))
        return self._sender.deliver(attributes)

    def _decide(self, kind: Kind, attributes: Attributes) -> Decision:
        """Judge a request and act on it, before its answer leaves."""
        behaviour = self.coa_behaviour
        with self._lock:
            verdict = judge(kind, attributes, self.identity, self.sessions)
            error_cause = verdict.error_cause
            if behaviour.answer == "nak":
                return Decision("NAK", behaviour.error_cause)
            if behaviour.answer == "obey" and error_cause is not None:
                return Decision("NAK", error_cause)
            if kind == "disconnect":
                ended = [
                    session
                    for session in verdict.sessions
                    if behaviour.ends_session and session.end("Admin-Reset")
                ]
                reports = [session.report_end for session in ended]
                return Decision("ACK", None, self._owe(reports))
            for session in verdict.sessions:
                session.change_limits(read_limits(attributes, session.limits))
        # A limit may lie in the past now.
        return Decision("ACK", None, self._owe([lambda: self.advance(0)]))

    def _owe(self, tasks: Sequence[Callable[[], object]]) -> Callable[[], None]:
        """Note what is to be done, and return what sets it going in the background.

        It is owed from now on, so that `flush` waits for it, but begins only when the
        answer has left; and the CoA port goes on answering meanwhile.
        """
        with self._lock:
            self._owed_count += len(tasks)

        def run(task: Callable[[], object]) -> None:
            try:
                task()
            finally:
                with self._all_done:
                    self._owed_count -= 1
                    self._all_done.notify_all()

        def begin() -> None:
            with self._lock:
                if not self._is_off:
                    for task in tasks:
                        self._background.submit(run, task)

        return begin

    def _wait_for_owed(self, timeout_seconds: float | None) -> None:
        with self._all_done:
            self._all_done.wait_for(lambda: self._owed_count == 0, timeout_seconds)

    def _end_all(self) -> None:
        for session in self.sessions:
            session.vanish()
        self._forget_ended()

    def _forget_ended(self) -> None:
        with self._lock:
            self._sessions = {session: None for session in self.sessions}
