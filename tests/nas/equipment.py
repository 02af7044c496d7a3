"""Tell whether the equipment of a test is here."""

import os
import shutil
from pathlib import Path

import pytest


def needs(*programs: str, devices: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Skip with a reason where equipment is missing, but not in CI: there it fails."""
    missing = [name for name in programs if shutil.which(name) is None]
    missing += [device for device in devices if not Path(device).exists()]
    reason = ""
    if missing:
        reason = f"{', '.join(missing)} missing; `make test-nas` installs what it can"
    elif os.geteuid() != 0:
        reason = "network namespaces are made by root"
    return pytest.mark.skipif(
        bool(reason) and not os.environ.get("CI"), reason=reason or "all is here"
    )
