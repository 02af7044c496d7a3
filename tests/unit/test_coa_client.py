"""The CoA client against NAS that answer, lie, stay silent or are not there."""

import asyncio
import socket
import time
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.packet import CoAPacket

from radius_module.coa import CoaClient, CoaOutcome, CoaRequest, CoaResult, CoaTarget
from radius_module.coa_sockets import Channel, ChannelPool, PendingRequest
from radius_module.dictionary import radius_dictionary

SECRET = b"between-us"
DISCONNECT = CoaRequest("disconnect", (("Acct-Session-Id", "8100000a"),))
QUICK = {"attempts": 3, "first_timeout_seconds": 0.05}
PATIENT = {"attempts": 3, "first_timeout_seconds": 30.0}


class RawNas:
    """A UDP port whose answers the test writes itself."""

    def __init__(self, sock):
        self.sock = sock
        self.target = CoaTarget("127.0.0.1", sock.getsockname()[1], SECRET)

    async def next(self):
        """Return the next request, its bytes and where it came from."""
        loop = asyncio.get_running_loop()
        datagram, peer = await loop.sock_recvfrom(self.sock, 4096)
        packet = CoAPacket(secret=SECRET, dict=radius_dictionary(), packet=datagram)
        return packet, datagram, peer

    def waiting(self):
        """Return all datagrams that have come and were not read."""
        datagrams = []
        while True:
            try:
                datagrams.append(self.sock.recvfrom(4096))
            except BlockingIOError:
                return datagrams

    def answer(self, request, peer, *, via=None, edit=lambda reply: None):
        reply = request.CreateReply()
        edit(reply)
        (via or self.sock).sendto(reply.ReplyPacket(), peer)


@contextmanager
def raw_nas():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # Room for a few hundred requests that nobody has read yet.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield RawNas(sock)


def with_nas(play, **client_options):
    """Run a play with a client and one NAS."""

    mishaps = []

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, mishap: mishaps.append(mishap))
        with raw_nas() as nas:
            async with CoaClient(**client_options) as client:
                return await play(client, nas)

    result = asyncio.run(run())
    assert mishaps == []
    return result


async def sending(client, target, request=DISCONNECT):
    task = asyncio.create_task(client.send(target, request))
    await asyncio.sleep(0)
    return task


def test_an_ack_is_reported_with_its_round_trip():
    async def play(client, nas):
        task = await sending(client, nas.target)
        request, _, peer = await nas.next()
        nas.answer(request, peer)
        return await task

    result = with_nas(play, **PATIENT)
    assert (result.outcome, result.error_cause, result.attempts) == ("ACK", None, 1)
    assert result.round_trip_seconds > 0


@pytest.mark.parametrize("kind", ["disconnect", "coa"])
@pytest.mark.parametrize("error_cause", [None, 401, 503, 506])
def test_a_nak_is_reported_with_its_cause(kind, error_cause):
    def refuse(reply):
        reply.code += 1
        if error_cause is not None:
            reply["Error-Cause"] = error_cause

    async def play(client, nas):
        request = CoaRequest(kind, DISCONNECT.attributes)
        task = await sending(client, nas.target, request)
        received, _, peer = await nas.next()
        nas.answer(received, peer, edit=refuse)
        return await task

    result = with_nas(play, **PATIENT)
    assert (result.outcome, result.error_cause) == (CoaOutcome.NAK, error_cause)


def test_a_repeat_has_the_same_identifier_and_the_same_bytes():
    async def play(client, nas):
        task = await sending(client, nas.target)
        _, first, first_peer = await nas.next()
        request, second, peer = await nas.next()
        nas.answer(request, peer)
        return first, first_peer, second, peer, await task

    first, first_peer, second, peer, result = with_nas(play, **QUICK)
    assert (first, first_peer) == (second, peer)
    assert result.outcome is CoaOutcome.ACK
    assert result.attempts >= 2


def test_silence_ends_as_timeout_after_the_attempts():
    async def play(client, nas):
        result = await client.send(nas.target, DISCONNECT)
        return result, nas.waiting()

    result, datagrams = with_nas(play, **QUICK)
    assert result == CoaResult(CoaOutcome.TIMEOUT, None, 3, None)
    assert len(datagrams) == 3
    assert len(set(datagrams)) == 1


def wrong_secret(reply):
    reply.secret = b"guessed"


def wrong_identifier(reply):
    reply.id = (reply.id + 1) % 256


def answer_to_another_kind(reply):
    reply.code = 44


def wrong_message_authenticator(reply):
    reply[80] = [bytes(16)]
    reply.message_authenticator = None


@pytest.mark.parametrize(
    "forge",
    [
        wrong_secret,
        wrong_identifier,
        answer_to_another_kind,
        wrong_message_authenticator,
    ],
)
def test_a_forged_reply_is_ignored_and_the_true_one_taken(forge):
    async def play(client, nas):
        task = await sending(client, nas.target)
        request, _, peer = await nas.next()
        nas.answer(request, peer, edit=forge)
        nas.sock.sendto(b"", peer)
        nas.sock.sendto(b"\x29", peer)
        nas.answer(request, peer, edit=lambda reply: reply.add_message_authenticator())
        return await task

    result = with_nas(play, **PATIENT)
    assert (result.outcome, result.attempts) == (CoaOutcome.ACK, 1)


def test_a_reply_from_another_port_is_not_taken():
    async def play(client, nas):
        task = await sending(client, nas.target)
        request, _, peer = await nas.next()
        with raw_nas() as stranger:
            nas.answer(request, peer, via=stranger.sock)
        return await task

    assert with_nas(play, **QUICK).outcome is CoaOutcome.TIMEOUT


def test_a_reply_to_an_earlier_request_is_not_taken_for_this_one():
    async def play(client, nas):
        await client.send(nas.target, DISCONNECT)
        (earlier, peer), *_ = nas.waiting()
        late = CoAPacket(secret=SECRET, dict=radius_dictionary(), packet=earlier)
        task = await sending(client, nas.target)
        request, _, peer = await nas.next()
        late.id = request.id
        nas.answer(late, peer)
        return await task

    assert with_nas(play, **QUICK).outcome is CoaOutcome.TIMEOUT


def test_a_closed_port_counts_as_no_reply():
    async def play(client, nas):
        nas.sock.close()
        return await client.send(nas.target, DISCONNECT)

    result = with_nas(play, **QUICK)
    assert result == CoaResult(CoaOutcome.TIMEOUT, None, 3, None)


def test_a_nas_that_comes_back_between_repeats_is_reached():
    async def play(client, nas):
        nas.sock.close()
        task = await sending(client, nas.target)
        await asyncio.sleep(0.01)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((nas.target.address, nas.target.port))
            sock.setblocking(False)
            back = RawNas(sock)
            request, _, peer = await back.next()
            back.answer(request, peer)
            return await task

    result = with_nas(play, attempts=5, first_timeout_seconds=0.2)
    assert result.outcome is CoaOutcome.ACK
    assert result.attempts >= 2


def test_requests_that_follow_a_refused_one_on_its_socket_are_sent():
    async def play(client, nas):
        nas.sock.close()
        await client.send(nas.target, DISCONNECT)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((nas.target.address, nas.target.port))
            sock.setblocking(False)
            back = RawNas(sock)
            task = await sending(client, nas.target)
            request, _, peer = await back.next()
            back.answer(request, peer)
            return await task

    assert with_nas(play, attempts=1, first_timeout_seconds=0.2).outcome == "ACK"


def test_an_address_we_do_not_have_ends_as_timeout_without_an_attempt():
    async def play(client, nas):
        target = CoaTarget(
            "127.0.0.1", nas.target.port, SECRET, source_address="192.0.2.1"
        )
        return await client.send(target, DISCONNECT)

    result = with_nas(play, **QUICK)
    assert result == CoaResult(CoaOutcome.TIMEOUT, None, 0, None)


def test_requests_leave_from_the_chosen_address():
    async def play(client, nas):
        target = CoaTarget(
            "127.0.0.1", nas.target.port, SECRET, source_address="127.0.0.77"
        )
        task = await sending(client, target)
        request, _, peer = await nas.next()
        nas.answer(request, peer)
        await task
        return peer[0]

    assert with_nas(play, **PATIENT) == "127.0.0.77"


def test_more_than_256_requests_to_one_nas_leave_from_more_ports():
    async def play(client, nas):
        tasks = [await sending(client, nas.target) for _ in range(400)]
        received = [await nas.next() for _ in tasks]
        for request, _, peer in received:
            nas.answer(request, peer)
        results = await asyncio.gather(*tasks)
        return [(peer, request.id) for request, _, peer in received], results

    sent, results = with_nas(play, **PATIENT)
    assert len(set(sent)) == 400
    assert len({peer for peer, _ in sent}) == 2
    assert {result.outcome for result in results} == {CoaOutcome.ACK}


def test_an_identifier_just_used_rests_while_others_are_free():
    async def play(client, nas):
        used = []
        for _ in range(300):
            task = await sending(client, nas.target)
            request, _, peer = await nas.next()
            nas.answer(request, peer)
            await task
            used.append((peer, request.id))
        return used

    used = with_nas(play, **PATIENT)
    assert len(set(used)) == len(used)


def test_a_dead_nas_delays_nobody():
    async def play(client, nas):
        dead = asyncio.create_task(client.send(nas.target, DISCONNECT))
        with raw_nas() as alive:
            for _ in range(50):
                task = await sending(client, alive.target)
                request, _, peer = await alive.next()
                alive.answer(request, peer)
                assert (await task).outcome is CoaOutcome.ACK
        was_waiting = not dead.done()
        dead.cancel()
        return was_waiting

    assert with_nas(play, **PATIENT)


def test_with_all_sockets_busy_a_request_waits_for_one_and_is_then_sent():
    async def play(client, nas):
        with raw_nas() as other:
            first = await sending(client, nas.target)
            second = await sending(client, other.target)
            request, _, peer = await nas.next()
            assert other.waiting() == []
            nas.answer(request, peer)
            request, _, peer = await other.next()
            other.answer(request, peer)
            return await asyncio.gather(first, second)

    results = with_nas(play, sockets_max=1, **PATIENT)
    assert [result.outcome for result in results] == ["ACK", "ACK"]


def test_waiting_requests_are_all_sent_however_few_sockets_there_are():
    async def serve(nas):
        while True:
            request, _, peer = await nas.next()
            nas.answer(request, peer)

    async def play(client, nas):
        with raw_nas() as second, raw_nas() as third:
            all_nas = (nas, second, third)
            servers = [asyncio.create_task(serve(one)) for one in all_nas]
            sends = (client.send(all_nas[i % 3].target, DISCONNECT) for i in range(900))
            results = await asyncio.gather(*sends)
            for server in servers:
                server.cancel()
            await asyncio.gather(*servers, return_exceptions=True)
            return results

    results = with_nas(play, sockets_max=2, **PATIENT)
    assert [result.outcome for result in results] == [CoaOutcome.ACK] * 900


def test_closing_ends_what_is_on_the_wire_as_timeout():
    async def play(client, nas):
        task = await sending(client, nas.target)
        await nas.next()
        client.close()
        return await task

    assert with_nas(play, **PATIENT).outcome is CoaOutcome.TIMEOUT


def test_a_closed_client_refuses_to_send():
    async def play(client, nas):
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await client.send(nas.target, DISCONNECT)

    with_nas(play, **PATIENT)


def test_a_cancelled_request_frees_its_place():
    async def play(client, nas):
        task = await sending(client, nas.target)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with raw_nas() as other:
            task = await sending(client, other.target)
            request, _, peer = await other.next()
            other.answer(request, peer)
            return await task

    assert with_nas(play, sockets_max=1, **PATIENT).outcome is CoaOutcome.ACK


def test_a_wait_cancelled_as_its_turn_came_passes_the_turn_on():
    async def play():
        pool = ChannelPool(1)
        channel, identifier = await pool.take(("127.0.0.1", 9, None))
        cancelled = asyncio.create_task(pool.take(("127.0.0.2", 9, None)))
        last = asyncio.create_task(pool.take(("127.0.0.3", 9, None)))
        await asyncio.sleep(0)
        pool.give_back(channel, identifier)
        cancelled.cancel()
        channel, _ = await asyncio.wait_for(last, timeout=30)
        pool.close()
        return channel.key

    assert asyncio.run(play()) == ("127.0.0.3", 9, None)


def test_a_datagram_sent_when_an_earlier_one_was_refused_leaves_all_the_same():
    loop = asyncio.new_event_loop()
    with (
        raw_nas() as gone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back,
    ):
        address = gone.sock.getsockname()
        gone.sock.close()
        sock.connect(address)
        channel = Channel((*address, None), sock, loop)
        channel.transmit(b"refused")
        back.bind(address)
        back.settimeout(5)
        channel.transmit(b"sent")
        assert back.recv(100) == b"sent"
    loop.close()


def test_identifiers_given_back_are_used_again():
    async def play():
        key = ("127.0.0.1", 9, None)
        pool = ChannelPool(1)
        # One is out all the time, so that the socket cannot be replaced.
        _, held = await pool.take(key)
        seen = set()
        for _ in range(1000):
            taken = pool.take(key)
            channel, identifier = await asyncio.wait_for(taken, timeout=10)
            seen.add(identifier)
            pool.give_back(channel, identifier)
        pool.close()
        return held, seen

    held, seen = asyncio.run(play())
    assert seen == set(range(256)) - {held}


def test_idle_sockets_are_closed(monkeypatch):
    monkeypatch.setattr("radius_module.coa_sockets.IDLE_SECONDS", 0.01)

    async def play():
        pool = ChannelPool(10)
        channel, identifier = await pool.take(("127.0.0.1", 9, None))
        opened = pool.open_count
        pool.give_back(channel, identifier)
        deadline = time.monotonic() + 5
        while pool.open_count and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        return opened, pool.open_count

    assert asyncio.run(play()) == (1, 0)


@pytest.mark.parametrize("options", [{"attempts": 0}, {"first_timeout_seconds": 0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="must be positive"):
        CoaClient(**options)


@given(body=st.binary(max_size=200), code=st.sampled_from([0, 2, 41, 42, 44, 255]))
def test_no_datagram_disturbs_the_client(body, code):
    loop = asyncio.new_event_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        packet = CoAPacket(40, 7, SECRET, dict=radius_dictionary())
        packet.RequestPacket()
        channel = Channel(("127.0.0.1", 9, None), sock, loop)
        channel.pending[7] = PendingRequest(packet, (41, 42), loop.create_future())
        length = (20 + len(body)).to_bytes(2)
        channel.accept_reply(bytes((code, 7)) + length + bytes(16) + body)
        channel.accept_reply(bytes((code, 7)) + body)
        assert not channel.pending[7].reply.done()
    loop.close()
