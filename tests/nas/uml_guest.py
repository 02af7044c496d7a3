"""Run a PPPoE access concentrator and its customers inside User-Mode Linux.

Only the standard library of the distribution's Python is here. Commands come as JSON
lines on the first serial line and are answered there, one line each.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import termios
import threading
import time
import traceback
import tty
from pathlib import Path
from typing import Any

ACCESS_ADDRESS = "10.9.0.1"  # the access concentrator's end of each PPP link
TRAFFIC_PORT = 8080
LINES = 3  # uml.py counts on it
# Attribute numbers and types of RFC 2865, 2866 and 2869. The plugin's library looks
# attributes up by number; 2 and 5 keep the names that it was written with.
DICTIONARY = """\
ATTRIBUTE User-Name 1 string
ATTRIBUTE Password 2 string
ATTRIBUTE CHAP-Password 3 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE NAS-Port-Id 5 integer
ATTRIBUTE Service-Type 6 integer
ATTRIBUTE Framed-Protocol 7 integer
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Framed-IP-Netmask 9 ipaddr
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Framed-MTU 12 integer
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE State 24 string
ATTRIBUTE Class 25 string
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Idle-Timeout 28 integer
ATTRIBUTE Called-Station-Id 30 string
ATTRIBUTE Calling-Station-Id 31 string
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Status-Type 40 integer
ATTRIBUTE Acct-Delay-Time 41 integer
ATTRIBUTE Acct-Input-Octets 42 integer
ATTRIBUTE Acct-Output-Octets 43 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Acct-Authentic 45 integer
ATTRIBUTE Acct-Session-Time 46 integer
ATTRIBUTE Acct-Input-Packets 47 integer
ATTRIBUTE Acct-Output-Packets 48 integer
ATTRIBUTE Acct-Terminate-Cause 49 integer
ATTRIBUTE CHAP-Challenge 60 string
ATTRIBUTE NAS-Port-Type 61 integer
ATTRIBUTE Connect-Info 77 string
ATTRIBUTE Message-Authenticator 80 string
ATTRIBUTE Acct-Interim-Interval 85 integer
"""
RADIUS_CLIENT = """\
auth_order radius
login_tries 1
login_timeout 60
nologin /run/nologin
issue /run/issue
authserver {server}:1812
acctserver {server}:1813
servers /run/servers
dictionary /run/dictionary
login_radius /bin/false
seqfile /run/radius.seq
mapfile /run/map
default_realm
radius_timeout 3
radius_retries 5
bindaddr *
"""
PPPD_SERVER_OPTIONS = """\
plugin radius.so
radius-config-file /run/radiusclient.conf
require-chap
noipdefault
noaccomp
nopcomp
noipv6
lcp-echo-interval 5
lcp-echo-failure 3
mtu 1492
mru 1492
nodetach
debug
logfile /run/pppd-server.log
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def in_line(line: int, *command: str) -> list[str]:
    return ["ip", "netns", "exec", f"line{line}", *command]


class Concentrator:
    """The access concentrator and the customers' lines that end in it."""

    def __init__(self) -> None:
        self.customers: dict[int, subprocess.Popen[bytes]] = {}

    def start(
        self, *, device: str, address: str, server: str, secret: str, nas_address: str
    ) -> dict[str, Any]:
        """Bring up the uplink to the RADIUS server, the lines, and the service."""
        run("ip", "link", "set", "lo", "up")
        run("ip", "addr", "add", address, "dev", device)
        run("ip", "link", "set", device, "up")
        # The plugin's NAS-IP-Address is what the name of the host resolves to.
        Path("/run/hosts").write_text(
            f"127.0.0.1 localhost\n{nas_address} khata-bras\n"
        )
        run("mount", "--bind", "/run/hosts", "/etc/hosts")
        socket.sethostname("khata-bras")
        Path("/run/servers").write_text(f"{server} {secret}\n")
        Path("/run/dictionary").write_text(DICTIONARY)
        Path("/run/map").touch()
        Path("/run/radiusclient.conf").write_text(RADIUS_CLIENT.format(server=server))
        Path("/run/server-options").write_text(PPPD_SERVER_OPTIONS)
        interfaces = []
        for line in range(LINES):
            run("ip", "netns", "add", f"line{line}")
            run(
                *("ip", "link", "add", f"access{line}", "type", "veth"),
                *("peer", "name", "wan", "netns", f"line{line}"),
            )
            run("ip", "link", "set", f"access{line}", "up")
            run("ip", "-n", f"line{line}", "link", "set", "lo", "up")
            run("ip", "-n", f"line{line}", "link", "set", "wan", "up")
            interfaces += ["-I", f"access{line}"]
        with open("/run/pppoe-server.log", "w") as log:
            subprocess.Popen(
                [
                    *("pppoe-server", *interfaces, "-L", ACCESS_ADDRESS),
                    *("-R", "10.9.0.50", "-N", "10", "-C", "khata-ac", "-S", "isp"),
                    *("-q", "/usr/sbin/pppd", "-Q", "/usr/sbin/pppoe"),
                    *("-O", "/run/server-options", "-F"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        threading.Thread(target=serve_traffic, daemon=True).start()
        return {}

    def dial(self, *, line: int, username: str, password: str) -> dict[str, Any]:
        """Start a customer's PPPoE client; `status` tells how it goes."""
        with open(f"/run/line{line}.log", "w") as log:
            self.customers[line] = subprocess.Popen(
                in_line(
                    line,
                    *("pppd", "plugin", "rp-pppoe.so", "wan"),
                    *("user", username, "password", password),
                    *("noauth", "nodetach", "noipdefault", "noipv6", "maxfail", "1"),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return {}

    def status(self, *, line: int) -> dict[str, Any]:
        """Tell the address of a customer's link, or how his client ended."""
        links = subprocess.run(
            in_line(line, "ip", "-json", "address", "show"),
            check=True,
            capture_output=True,
            text=True,
        )
        addresses = [
            end["local"]
            for link in json.loads(links.stdout)
            for end in link["addr_info"]
            if link["ifname"].startswith("ppp") and "UP" in link["flags"]
        ]
        return {
            "address": addresses[0] if addresses else None,
            "exit_code": self.customers[line].poll(),
            "log": Path(f"/run/line{line}.log").read_text(),
        }

    def download(self, *, line: int, octets: int) -> dict[str, Any]:
        """Fetch octets over a customer's link."""
        client = (
            "import socket, sys\n"
            "peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)\n"
            "peer.sendall(sys.argv[3].encode() + b'\\n')\n"
            "octets = 0\n"
            "while chunk := peer.recv(65536):\n"
            "    octets += len(chunk)\n"
            "print(octets)\n"
        )
        fetched = subprocess.run(
            in_line(
                line,
                *(sys.executable, "-S", "-c", client),
                *(ACCESS_ADDRESS, str(TRAFFIC_PORT), str(octets)),
            ),
            capture_output=True,
            text=True,
            timeout=30,
        )
        return {"octets": int(fetched.stdout or 0), "error": fetched.stderr}

    def hang_up(self, *, line: int) -> dict[str, Any]:
        """End a customer's client orderly, if there is one."""
        customer = self.customers.pop(line, None)
        if customer is not None:
            customer.terminate()
            customer.wait(timeout=20)
        return {}

    def logs(self) -> dict[str, Any]:
        """Return what the servers wrote, for a failed test to show."""
        return {
            path.name: path.read_text(errors="replace")
            for path in Path("/run").glob("*.log")
        }


def serve_traffic() -> None:
    """Send each caller as many octets as he asks for in one line."""
    with socket.create_server(("0.0.0.0", TRAFFIC_PORT)) as server:
        while True:
            caller, _ = server.accept()
            with caller, contextlib.suppress(OSError), caller.makefile("rb") as asked:
                caller.sendall(bytes(int(asked.readline())))


def power_off() -> None:
    Path("/proc/sysrq-trigger").write_text("o")
    time.sleep(10)


def main() -> None:
    """Obey until told to power off or until nobody is there to tell us."""
    terminal = os.open("/dev/ttyS0", os.O_RDWR | os.O_NOCTTY)
    tty.setraw(terminal, termios.TCSANOW)
    concentrator = Concentrator()
    with open(terminal, "rb", buffering=0) as line_in:
        os.write(terminal, b'{"ready": true}\n')
        for command in line_in:
            request = json.loads(command)
            if request["do"] == "power_off":
                break
            try:
                answer = getattr(concentrator, request.pop("do"))(**request)
            except Exception as error:  # noqa: BLE001 - told to who asked
                answer = {
                    "failed": "".join(traceback.format_exception(error))
                    + str(getattr(error, "stderr", ""))
                }
            os.write(terminal, json.dumps(answer).encode() + b"\n")


try:
    main()
finally:
    power_off()
