"""What peer (b) runs inside FreeRADIUS: everybody has the same password."""

_OK = 2
_REPLY = (("Session-Timeout", ":=", "3600"),)
_CONTROL = (("Cleartext-Password", ":=", "correct horse"),)


def instantiate(_pairs: object) -> int:
    return 0


def authorize(_pairs: object) -> tuple[int, tuple[object, ...], tuple[object, ...]]:
    return _OK, _REPLY, _CONTROL


def accounting(_pairs: object) -> int:
    return _OK
