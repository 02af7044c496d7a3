"""Let logins call Python side by side.

FreeRADIUS puts a lock round every call of rlm_python3, one for the whole server, since
the module says of itself that it is not safe for threads (radius.md §0.1). It is: each
thread of the server has a Python thread state of its own, and all that do_python() of
rlm_python3.c touches is the request of that thread, or is touched under Python's own
lock. With FreeRADIUS' lock round that, nobody can call while one login waits for the
database.

The server makes that lock when instantiate() has returned, and only if the module still
says it (module_instantiate() of modules.c). So instantiate() takes the word back.
docs/decisions/0018 has the reasons, and what was read.
"""

import ctypes
from pathlib import Path

# Those whose rlm_python3.c was read for it. Any other server keeps its lock.
READ_VERSIONS = frozenset(f"3.2.{number}" for number in range(1, 9))

_LIBRARY = "/rlm_python3.so"
_THREAD_UNSAFE = 1 << 0  # RLM_TYPE_THREAD_UNSAFE of modules.h
_COMMIT_BITS = 20


class _Module(ctypes.Structure):
    """How module_t of modules.h begins."""

    _fields_ = (
        ("magic", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
    )


def lift_lock(version: str) -> str:
    """Keep this server from locking each call; give why not, or nothing when done.

    To be called by instantiate(), and useless after it.
    """
    if version not in READ_VERSIONS:
        return f"rlm_python3 of FreeRADIUS {version or '?'} was not looked into"
    try:
        module = _Module.in_dll(ctypes.CDLL(_library()), "rlm_python3")
    except (OSError, ValueError) as error:
        return str(error)
    if module.magic >> _COMMIT_BITS != _magic(version) or module.name != b"python3":
        return "rlm_python3 is not made as its source says"
    module.type &= ~_THREAD_UNSAFE
    return ""


def _library() -> str:
    """Give the path of the module that is loaded; it is not linked to, but opened."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        if line.endswith(_LIBRARY):
            return line[line.index("/") :]
    raise OSError("rlm_python3.so is not among what the server loaded")


def _magic(version: str) -> int:
    """Give RADIUSD_MAGIC_NUMBER of libradius.h for a version, without its commit."""
    return int("f" + "".join(f"{int(part):02}" for part in version.split(".")), 16)
