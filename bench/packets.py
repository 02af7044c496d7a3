"""Write files of requests for radclient: the same for every server."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from bench.events import INTERIM_SECONDS
from bench.people import (
    NAS_IDENTIFIER,
    PASSWORD,
    base36,
    running_session,
    station,
    username,
)

#: radclient slows with the square of its file's length.
FILE_REQUESTS_MAX = 5000


def login(number: int, acct_session_id: str) -> str:
    """Write the Access-Request of a customer's device."""
    return (
        f'User-Name = "{username(number)}"\n'
        f'User-Password = "{PASSWORD}"\n'
        f"{_where(number, acct_session_id)}"
        "Message-Authenticator = 0x00\n"
    )


def interim(number: int, round_number: int, *, began: float, class_id: int) -> str:
    """Write an Interim-Update of a customer's running session."""
    seconds = round_number * INTERIM_SECONDS
    return _accounting(
        number,
        running_session(number),
        status="Interim-Update",
        seconds=seconds,
        at=int(began) + seconds,
        class_value=f"k{base36(number)}.{base36(class_id)}",
        octets=(round_number * 1_000_000, round_number * 10_000_000),
    )


def usage(number: int, acct_session_id: str, status: str, seconds: int, at: int) -> str:
    """Write an accounting packet of a session without Class."""
    octets = (seconds * 1000, seconds * 10000)
    return _accounting(
        number,
        acct_session_id,
        status=status,
        seconds=seconds,
        at=at,
        class_value="",
        octets=octets,
    )


def _accounting(
    number: int,
    acct_session_id: str,
    *,
    status: str,
    seconds: int,
    at: int,
    class_value: str,
    octets: tuple[int, int],
) -> str:
    cookie = f'Class = "{class_value}"\n' if class_value else ""
    cause = "Acct-Terminate-Cause = User-Request\n" if status == "Stop" else ""
    return (
        f"Acct-Status-Type = {status}\n"
        f'User-Name = "{username(number)}"\n'
        f"{_where(number, acct_session_id)}"
        f"{cookie}{cause}"
        "Acct-Authentic = RADIUS\n"
        "Framed-IP-Address = 10.0.0.2\n"
        f"Acct-Session-Time = {seconds}\n"
        f"Acct-Input-Octets = {octets[0] % 2**32}\n"
        f"Acct-Output-Octets = {octets[1] % 2**32}\n"
        f"Acct-Input-Gigawords = {octets[0] // 2**32}\n"
        f"Acct-Output-Gigawords = {octets[1] // 2**32}\n"
        f"Event-Timestamp = {at}\n"
        "Acct-Delay-Time = 0\n"
    )


def _where(number: int, acct_session_id: str) -> str:
    return (
        "NAS-IP-Address = 127.0.0.1\n"
        f'NAS-Identifier = "{NAS_IDENTIFIER}"\n'
        'NAS-Port-Id = "ether1"\n'
        "NAS-Port-Type = Ethernet\n"
        "Service-Type = Framed-User\n"
        "Framed-Protocol = PPP\n"
        f'Calling-Station-Id = "{station(number)}"\n'
        'Called-Station-Id = "bench"\n'
        f'Acct-Session-Id = "{acct_session_id}"\n'
    )


def write_files(
    folder: Path, name: str, numbers: Iterable[int], write: Callable[[int], str]
) -> list[Path]:
    """Write a request for each number, in files that radclient can read quickly."""
    files = []
    for part, chunk in enumerate(_chunks(numbers)):
        file = folder / f"{name}-{part}.txt"
        file.write_text("\n".join(map(write, chunk)), encoding="utf-8")
        files.append(file)
    return files


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    source = iter(numbers)
    while chunk := list(islice(source, FILE_REQUESTS_MAX)):
        yield chunk
