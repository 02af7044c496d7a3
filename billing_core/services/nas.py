"""Register the network equipment that may ask us."""

from billing_core.db.connect import Connection
from billing_core.db.nas import NewNas, insert_nas, list_nas


def add_nas(conn: Connection, nas: NewNas) -> int:
    """Register a NAS; FreeRADIUS knows it from its first packet on."""
    return insert_nas(conn, nas)


def ensure_local_nas(conn: Connection, secret: str) -> int:
    """Register this machine as a NAS, for tests by hand; return its id."""
    for nas in list_nas(conn):
        if nas.address == "127.0.0.1":
            return nas.nas_id
    return insert_nas(
        conn, NewNas(name="localhost", address="127.0.0.1", secret=secret)
    )
