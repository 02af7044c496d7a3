"""Bound a whole call to a gateway, by time and by size.

httpx limits how long one read may take, and a call has any number of reads: a server
that sends a byte now and then holds its caller for ever, with the lock that lets only
one ask about an attempt. Here each read has what is left of the call's time.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

CALL_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
# No answer of a gateway is a hundredth of it.
_BODY_MAX = 4 * 1024 * 1024
_SocketOptions = Iterable[httpcore.SOCKET_OPTION] | None
_ends_at: ContextVar[float] = ContextVar("gateway_call_ends_at")
# The nearest first: a subclass stands before what it is one of.
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.NetworkError, httpx.ReadError),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


def new_client(*, call_seconds: float = CALL_SECONDS) -> httpx.Client:
    """Make the HTTP client of gateways: TLS is verified, redirects are not followed.

    10 s to connect, 30 s for the call as a whole: no gateway may hold a process for
    longer. What comes packed could be any size unpacked, and is not asked for.
    """
    return httpx.Client(
        transport=BoundedTransport(call_seconds),
        timeout=httpx.Timeout(call_seconds, connect=_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},
    )


class BoundedTransport(httpx.BaseTransport):
    """Carries requests over sockets; a call ends in time, whatever the server does."""

    def __init__(self, call_seconds: float) -> None:
        self._call_seconds = call_seconds
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Network(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read all of its answer."""
        token = _ends_at.set(time.monotonic() + self._call_seconds)
        try:
            with _as_httpx(request):
                return self._exchange(request)
        finally:
            _ends_at.reset(token)

    def close(self) -> None:
        """Close what is kept open for the next call."""
        self._pool.close()

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme,
                    host=url.raw_host,
                    port=url.port,
                    target=url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.read(),
                extensions=request.extensions,
            )
        )
        try:
            body = _read(response)
        finally:
            response.close()
        return httpx.Response(
            response.status, headers=response.headers, stream=httpx.ByteStream(body)
        )


class _Stream(httpcore.NetworkStream):
    """A connection of which each act has what is left of the call's time."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, _left(timeout))
        return _Stream(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Opens connections."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _SocketOptions = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.connect_tcp(
            host, port, _left(timeout), local_address, socket_options
        )
        return _Stream(inner)


def _left(timeout: float | None) -> float:
    """Return how long the next act may take."""
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the whole call took too long")
    return left if timeout is None else min(left, timeout)


def _read(response: httpcore.Response) -> bytes:
    body = b""
    for part in response.iter_stream():
        body += part
        if len(body) > _BODY_MAX:
            raise httpcore.RemoteProtocolError("the answer does not end")
    return body


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Raise what went wrong as httpx's errors, which gateways know."""
    try:
        yield
    except Exception as error:
        for theirs, ours in _ERRORS:
            if isinstance(error, theirs):
                raise ours(str(error), request=request) from None
        raise
