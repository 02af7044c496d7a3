"""The login servlet of a *simulated* RouterOS hotspot, with our pages in it.

It fills docs/hotspot/login.html in as RouterOS does, gives each page a challenge of its
own and forgets the one before, and asks RADIUS about what a browser sends.
"""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.serving import make_server

from simulators.nas import LoginResult, SimulatedNas

PAGES = Path(__file__).parents[2] / "docs" / "hotspot"
#: RouterOS' own file computes it in the browser; here the servlet is asked.
MD5_JS = """
function hexMD5(text) {
  var ask = new XMLHttpRequest();
  ask.open("POST", "/md5", false);
  ask.send(Array.from(text).map(function (c) { return c.charCodeAt(0); }).join(" "));
  return ask.responseText;
}
"""


@dataclass(slots=True)
class HotspotLogin:
    """What a browser meets at a hotspot, and what RADIUS said."""

    nas: SimulatedNas
    portal: str
    device: str
    #: http-chap, else http-pap.
    asks_challenge: bool = True
    address: str = ""
    logins: list[LoginResult] = field(default_factory=list)
    #: What came as the password, as it was sent.
    sent: list[str] = field(default_factory=list)
    _chap: tuple[bytes, bytes] | None = None

    @property
    def is_online(self) -> bool:
        """Tell whether the hotspot lets the device through."""
        return any(login.accepted for login in self.logins)

    def page(self, name: str, **values: str) -> str:
        """Fill a page of docs/hotspot in."""
        values = {
            "link-login-only": f"{self.address}/login",
            "link-logout": f"{self.address}/logout",
            "mac": self.device,
            **values,
        }
        if self.asks_challenge:
            self._chap = (os.urandom(1), os.urandom(16))
            values["chap-id"], values["chap-challenge"] = map(_escaped, self._chap)
        text = (PAGES / name).read_text(encoding="utf-8")
        text = text.replace("https://PORTAL", self.portal)

        def block(found: re.Match[str]) -> str:
            return found[2] if values.get(found[1]) else ""

        text = re.sub(r"\$\(if ([\w-]+)\)(.*?)\$\(endif\)", block, text, flags=re.S)
        return re.sub(r"\$\(([\w-]+)\)", lambda f: values.get(f[1], ""), text)

    def log_in(self, username: str, password: str) -> LoginResult:
        """Ask RADIUS, by CHAP or PAP, as RouterOS does."""
        self.sent.append(password)
        if self._chap is None:
            result = self.nas.login(username, password, method="pap", mac=self.device)
        else:
            chap_id, challenge = self._chap
            answer = chap_id + bytes.fromhex(password)
            result = self.nas.login(
                username,
                "",
                method="none",
                mac=self.device,
                extra=(("CHAP-Challenge", challenge), ("CHAP-Password", answer)),
            )
        self.logins.append(result)
        return result


@contextmanager
def hotspot_login(
    nas: SimulatedNas, portal: str, device: str
) -> Iterator[HotspotLogin]:
    """Serve a hotspot's login page at the NAS' own address."""
    hotspot = HotspotLogin(nas, portal, device)
    app = Flask("hotspot", static_folder=None)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> str:
        if hotspot.is_online:
            return hotspot.page("status.html", username="somebody")
        username, password = (
            request.values.get("username"),
            request.values.get("password"),
        )
        if not username or not password:
            return hotspot.page("login.html")
        result = hotspot.log_in(username, password)
        if result.accepted:
            return hotspot.page("status.html", username=username)
        return hotspot.page("login.html", error=result.reply_message)

    @app.get("/hotspot.css")
    def style() -> Response:
        return Response((PAGES / "hotspot.css").read_text("utf-8"), mimetype="text/css")

    @app.get("/md5.js")
    def script() -> Response:
        return Response(MD5_JS, mimetype="text/javascript")

    @app.post("/md5")
    def md5() -> str:
        octets = bytes(map(int, request.get_data(as_text=True).split()))
        return hashlib.md5(octets, usedforsecurity=False).hexdigest()

    server = make_server(nas.address, 0, app, threaded=True)
    hotspot.address = f"http://{nas.address}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hotspot
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _escaped(octets: bytes) -> str:
    """Write octets as RouterOS does into JavaScript: \\\\371."""
    return "".join(f"\\{octet:03o}" for octet in octets)
