"""Run hostapd as a wired 802.1X switch port and wpa_supplicant as who plugs in.

Both are the real programs, on the two ends of a cable in a namespace of their own.
hostapd is a NAS that accounts and obeys RFC 5176; its RADIUS packets reach us from
`HOSTAPD_ADDRESS` on loopback.
"""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .network import namespace, run
from .processes import running
from .relay import Way, relay
from .waiting import wait_for

PROGRAMS = ("ip", "hostapd", "hostapd_cli", "wpa_supplicant", "wpa_cli")
ADDRESS = "127.0.0.60"
IDENTIFIER = "khata-test-switch"
_DAS_PORT = 3799
_devices = itertools.count(1)
# One setting a line, as hostapd.conf(5) has it. The Disconnect port insists on an
# Event-Timestamp (RFC 5176 section 6.3) so that it can be seen to be sent.
_HOSTAPD_CONF = """\
interface=port0
driver=wired
ctrl_interface={directory}/hostapd
logger_stdout=-1
logger_stdout_level=1
ieee8021x=1
eap_reauth_period=0
use_pae_group_addr=1
own_ip_addr={address}
nas_identifier={identifier}
auth_server_addr=127.0.0.1
auth_server_port=1812
auth_server_shared_secret={secret}
acct_server_addr=127.0.0.1
acct_server_port=1813
acct_server_shared_secret={secret}
radius_das_port={das_port}
radius_das_client=127.0.0.1 {secret}
radius_das_require_event_timestamp=1
"""
_SUPPLICANT_CONF = """\
ap_scan=0
ctrl_interface={directory}/supplicant
network={{
  key_mgmt=IEEE8021X
  eap=MD5
  identity="{username}"
  password="{password}"
  eapol_flags=0
}}
"""


@dataclass(frozen=True, slots=True)
class Hostapd:
    """A running hostapd."""

    network: str
    directory: Path
    process: subprocess.Popen[bytes]

    def acct_session_ids(self) -> list[str]:
        """Return the Acct-Session-Id of each device that is let in."""
        stations = run("hostapd_cli", "-p", f"{self.directory}/hostapd", "all_sta")
        found = []
        is_authorized = False
        for line in stations.splitlines():
            key, _, value = line.partition("=")
            if key == "flags":
                is_authorized = "[AUTHORIZED]" in value
            if key == "dot1xAuthSessionId" and is_authorized:
                found.append(value)
        return found


@dataclass(frozen=True, slots=True)
class Supplicant:
    """A device that tries to get in."""

    directory: Path

    def leave(self) -> None:
        """Say goodbye to the switch (EAPOL-Logoff); pulling the plug says nothing."""
        run("wpa_cli", "-p", f"{self.directory}/supplicant", "logoff")

    def outcome(self) -> str | None:
        """Return SUCCESS or FAILURE once the switch has told, by its EAP packets."""
        for line in (self.directory / "supplicant.log").read_text().splitlines():
            for outcome in ("SUCCESS", "FAILURE"):
                if f"CTRL-EVENT-EAP-{outcome}" in line:
                    return outcome
        return None


@contextlib.contextmanager
def hostapd(
    directory: Path, *, secret: str, auth_port: int, acct_port: int, coa_port: int
) -> Iterator[Hostapd]:
    """Run a switch port against RADIUS servers on loopback, until the block is left.

    Its Disconnect port is reached as `ADDRESS`:`coa_port`. Leaving the block stops it
    orderly: it sends an Accounting-Off.
    """
    config = directory / "hostapd.conf"
    config.write_text(
        _HOSTAPD_CONF.format(
            directory=directory,
            address=ADDRESS,
            identifier=IDENTIFIER,
            secret=secret,
            das_port=_DAS_PORT,
        )
    )
    with (
        namespace("switch") as name,
        relay(
            Way(("127.0.0.1", 1812), name, ("127.0.0.1", auth_port), None, ADDRESS),
            Way(("127.0.0.1", 1813), name, ("127.0.0.1", acct_port), None, ADDRESS),
            Way((ADDRESS, coa_port), None, ("127.0.0.1", _DAS_PORT), name, "127.0.0.1"),
        ),
    ):
        _lay_cable(name)
        command = ("ip", "netns", "exec", name, "hostapd", str(config))
        with running(command, directory / "hostapd.log") as process:
            wait_for("hostapd to listen", (directory / "hostapd" / "port0").exists)
            yield Hostapd(name, directory, process)


def _lay_cable(name: str) -> None:
    run(
        *("ip", "-n", name, "link", "add", "port0", "type", "veth"),
        *("peer", "name", "device0"),
    )
    for end in ("port0", "device0"):
        run("ip", "-n", name, "link", "set", end, "up")


@contextlib.contextmanager
def supplicant(
    switch: Hostapd, *, username: str, password: str
) -> Iterator[Supplicant]:
    """Plug a new device in, and pull the plug when the block is left.

    Each has an address of its own: hostapd does not listen for some seconds to a
    device that it has just let go.
    """
    directory = switch.directory
    mac = f"02:00:00:00:01:{next(_devices):02x}"
    run("ip", "-n", switch.network, "link", "set", "device0", "address", mac)
    config = directory / "supplicant.conf"
    config.write_text(
        _SUPPLICANT_CONF.format(
            directory=directory, username=username, password=password
        )
    )
    command = (
        *("ip", "netns", "exec", switch.network, "wpa_supplicant"),
        *("-D", "wired", "-i", "device0", "-c", str(config)),
    )
    with running(command, directory / "supplicant.log"):
        log = directory / "supplicant.log"
        wait_for("the device to listen", lambda: "Associated" in log.read_text())
        # A switch greets a device when its link comes up. hostapd's wired driver sees
        # no links and waits for the device to speak first, which takes two seconds.
        run("hostapd_cli", "-p", f"{directory}/hostapd", "new_sta", mac)
        yield Supplicant(directory)
