"""Serve the simulated gateways on one port: /bkash, /nagad, /sslcommerz."""

from collections.abc import Mapping
from wsgiref.types import WSGIApplication

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

LOOPBACK = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    """Log no query string: SSLCommerz' clients have to put their password there."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = self.path.partition("?")[0]
        self.log("info", '"%s %s" %s %s', self.command, path, code, size)


def make_gateway_server(
    apps: Mapping[str, WSGIApplication], *, port: int, host: str = LOOPBACK
) -> BaseWSGIServer:
    """Listen on a port (0 = any free one) and mount each app at /its-name.

    The caller runs ``serve_forever()``, in a thread of its own if it likes, and ends it
    with ``shutdown()``; the port is ``server_port``.
    """
    nowhere = Response("SIMULATED gateways: " + ", ".join(sorted(apps)), status=404)
    mounted = DispatcherMiddleware(
        nowhere, {f"/{name}": app for name, app in apps.items()}
    )
    return make_server(
        host, port, mounted, threaded=True, request_handler=_QuietHandler
    )
