"""The client of all gateways: no server holds a call, however it answers."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from billing_core.gateways.transport import new_client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: Far more than a call may take: a server that sends so often never ends by itself.
DRIPS = 100_000


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on loopback and answer each connection by hand; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            with conn:
                conn.recv(65536)
                with suppress(OSError):  # the caller has gone
                    answer(conn)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def dripping(first: bytes, drop: bytes, stops: threading.Event) -> Callable[..., None]:
    def answer(conn: socket.socket) -> None:
        conn.sendall(first)
        for _ in range(DRIPS):
            conn.sendall(drop)
            if stops.wait(0.02):
                return

    return answer


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD, b"X-More: 1\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_server_that_drips_holds_no_call_longer_than_it_may_take(
    first: bytes, drop: bytes
) -> None:
    stops = threading.Event()
    client = new_client(call_seconds=0.5)
    with answering(dripping(first, drop, stops)) as address, client:
        # Each read is answered at once; the call never is.
        with pytest.raises(httpx.ReadTimeout):
            client.post(address, json={})
        stops.set()


def test_a_server_that_says_nothing_holds_no_call_either() -> None:
    stops = threading.Event()
    client = new_client(call_seconds=0.2)
    with answering(lambda _: stops.wait(60) and None) as address, client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(address)
        stops.set()


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    def flood(conn: socket.socket) -> None:
        conn.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        for _ in range(10_000):
            conn.sendall(b" " * 65536)

    ends = pytest.raises(httpx.RemoteProtocolError, match="does not end")
    with answering(flood) as address, new_client() as client, ends:
        client.get(address)


def test_a_usual_answer_is_read_and_its_connection_used_again() -> None:
    connections: list[None] = []

    def answer(conn: socket.socket) -> None:
        connections.append(None)
        for _ in range(2):
            conn.sendall(HEAD + b"Content-Length: 8\r\n\r\n" + b'{"a": 1}')
            conn.recv(65536)

    with answering(answer) as address, new_client() as client:
        for _ in range(2):
            reply = client.post(address, json={"b": 2})
            assert (reply.status_code, reply.json()) == (200, {"a": 1})
    assert len(connections) == 1


def test_nobody_there_and_no_http_are_errors_that_gateways_know() -> None:
    no_http = answering(lambda conn: conn.sendall(b"what?\r\n\r\n"))
    broken = pytest.raises(httpx.RemoteProtocolError)
    with no_http as address, new_client() as client, broken:
        client.get(address)
    with new_client() as client, pytest.raises(httpx.ConnectError):
        client.get(address)
