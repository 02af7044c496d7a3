"""Register the network equipment that may ask us, and change what is said of it."""

from dataclasses import asdict
from datetime import datetime

from billing_core.db import nas as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.nas import NewNas, insert_nas, list_nas
from billing_core.db.operators import log_operator_event

_SECRETS = ("secret", "coa_secret")


def add_nas(conn: Connection, nas: NewNas) -> int:
    """Register a NAS; FreeRADIUS knows it from its first packet on."""
    return insert_nas(conn, nas)


def register_nas(conn: Connection, nas: NewNas, *, actor: str, now: datetime) -> int:
    """Register a NAS, and log who did."""

    def work() -> int:
        nas_id = add_nas(conn, nas)
        db.forget_unknown_nas(conn, nas.address)
        _log(conn, "NAS added", f"{nas.name}, {nas.address}", actor, now)
        return nas_id

    return in_transaction(conn, work)


def change_nas(
    conn: Connection, nas_id: int, nas: NewNas, *, actor: str, now: datetime
) -> None:
    """Say anew what a NAS is; an empty secret stays, and no secret is in the log.

    FreeRADIUS asks again within a minute (`lifetime` in clients.conf).
    """

    def work() -> None:
        was = db.read_nas_traits(conn).get(nas_id)
        if was is None:
            raise db.UnknownNasError(nas.name)
        db.update_nas(conn, nas_id, nas)
        now_is = db.read_nas_traits(conn)[nas_id]
        changes = [
            f"{name} changed"
            if name in _SECRETS
            else f"{name}: {value} -> {getattr(now_is, name)}"
            for name, value in asdict(was).items()
            if getattr(now_is, name) != value
        ]
        if changes:
            note = f"{was.name}: {'; '.join(changes)}"
            _log(conn, "NAS changed", note, actor, now)

    in_transaction(conn, work)


def set_disabled(
    conn: Connection, nas_id: int, *, is_disabled: bool, actor: str, now: datetime
) -> bool:
    """Let nobody in from a NAS, or again; False when it was so already.

    Sessions that run on it go on: what it accounts is recorded, it takes Disconnect.
    """

    def work() -> bool:
        found = db.read_nas_traits(conn).get(nas_id)
        if found is None:
            raise db.UnknownNasError(str(nas_id))
        if not db.set_nas_disabled(conn, nas_id, is_disabled=is_disabled):
            return False
        what = "NAS disabled" if is_disabled else "NAS enabled"
        _log(conn, what, found.name, actor, now)
        return True

    return in_transaction(conn, work)


def ensure_local_nas(conn: Connection, secret: str) -> int:
    """Register this machine as a NAS, for tests by hand; return its id."""
    for nas in list_nas(conn):
        if nas.address == "127.0.0.1":
            return nas.nas_id
    return insert_nas(
        conn, NewNas(name="localhost", address="127.0.0.1", secret=secret)
    )


def _log(conn: Connection, what: str, note: str, actor: str, now: datetime) -> None:
    log_operator_event(conn, at=now, actor=actor, what=what, note=note)
