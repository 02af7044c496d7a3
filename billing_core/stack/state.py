"""Remember what was chosen at a start: ports, address, policies."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from billing_core.stack.errors import StackError
from billing_core.stack.layout import write_file

ALL_PROCESSES = ("postgres", "freeradius", "worker", "scheduler", "web")
DATABASE_AWAY_POLICIES = ("reject", "last_known")


@dataclass(frozen=True, slots=True)
class State:
    """The choices of one stack; kept from one start to the next."""

    ports: Mapping[str, int] = field(default_factory=dict)
    processes: tuple[str, ...] = ALL_PROCESSES
    #: Where FreeRADIUS listens; loopback until a person wants a NAS to reach it.
    listen: str = "127.0.0.1"
    #: What a login gets while the database cannot be asked.
    database_away: str = "reject"
    #: For how long a last known decision may stand in (policy last_known).
    database_away_minutes: int = 60
    max_threads: int = 32


def read_state(file: Path) -> State:
    """Read the choices of the last start; none are known before the first."""
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        table["processes"] = tuple(table["processes"])
        return State(**table)
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"{file} cannot be read: {error}.",
            "Remove that file: ports are then chosen anew.",
        ) from error


def write_state(file: Path, state: State) -> None:
    """Record the choices of this start."""
    write_file(file, json.dumps(asdict(state), indent=2) + "\n", 0o644)


def changed(state: State, **choices: object) -> State:
    """Return the state with those choices that were made; None keeps what was."""
    made = {name: value for name, value in choices.items() if value is not None}
    new = replace(state, **made)  # type: ignore[arg-type] # checked just below
    if new.database_away not in DATABASE_AWAY_POLICIES:
        raise StackError(
            f"database_away={new.database_away}: use one of "
            f"{', '.join(DATABASE_AWAY_POLICIES)}."
        )
    unknown = set(new.processes) - set(ALL_PROCESSES)
    if unknown or "postgres" not in new.processes:
        raise StackError(
            f"Processes are some of {', '.join(ALL_PROCESSES)}, "
            "and postgres is always one of them."
        )
    return replace(new, processes=tuple(p for p in ALL_PROCESSES if p in new.processes))
