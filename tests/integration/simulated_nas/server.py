"""A RADIUS server of the tests' own, for a simulated NAS to talk to."""

import os
import socket
import threading

from pyrad.packet import (
    AccessAccept,
    AccessChallenge,
    AccessReject,
    AccessRequest,
    AccountingRequest,
    AcctPacket,
    AuthPacket,
)

from radius_module.dictionary import add_attribute, radius_dictionary, raw_values
from simulators.nas import eap, mschap

SECRET = b"server-and-nas"


class RadiusServer:
    """Answer logins for the customers given, and note and acknowledge accounting.

    `accepts` are the attributes of an Access-Accept. The next `ignored_count` requests
    get no answer. `edit` changes a reply before it leaves.
    """

    def __init__(self, customers=(), accepts=()):
        self.customers = dict(customers)
        self.accepts = list(accepts)
        self.ignored_count = 0
        self.signs = True
        self.edit = lambda reply: None
        self.logins = []
        self.accounting = []
        self.datagrams = []
        self.peers = []
        self._challenges = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"stop", self.address)
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            datagram, peer = self._socket.recvfrom(4096)
            if datagram == b"stop":
                return
            self.datagrams.append(datagram)
            self.peers.append(peer)
            if self.ignored_count:
                self.ignored_count -= 1
            else:
                self._socket.sendto(self._answer(datagram), peer)

    def _answer(self, datagram):
        known = {"secret": SECRET, "dict": radius_dictionary(), "packet": datagram}
        if datagram[0] == AccountingRequest:
            packet = AcctPacket(**known)
            assert packet.VerifyAcctRequest()
            self.accounting.append(packet)
            return packet.CreateReply().ReplyPacket()
        packet = AuthPacket(**known)
        assert packet.code == AccessRequest
        assert not packet.message_authenticator or packet.verify_message_authenticator()
        self.logins.append(packet)
        reply = packet.CreateReply(message_authenticator=self.signs)
        self._decide(packet, reply)
        self.edit(reply)
        return reply.ReplyPacket()

    def _decide(self, packet, reply):
        password = self.customers.get(packet["User-Name"][0])
        if password is None:
            verdict = AccessReject
        elif "EAP-Message" in packet:
            verdict = self._check_eap(packet, reply, password)
        elif "MS-CHAP2-Response" in packet:
            verdict = self._check_mschap(packet, reply, password)
        elif "CHAP-Password" in packet:
            verdict = AccessAccept if packet.VerifyChapPasswd(password) else None
        else:
            (hidden,) = raw_values(packet, "User-Password")
            verdict = AccessAccept if packet.PwDecrypt(hidden) == password else None
        reply.code = verdict or AccessReject
        if reply.code == AccessAccept:
            for name, value in self.accepts:
                add_attribute(reply, name, value)
        elif reply.code == AccessReject:
            reply["Reply-Message"] = "No entry."

    def _check_mschap(self, packet, reply, password):
        (challenge,) = raw_values(packet, "MS-CHAP-Challenge")
        (value,) = raw_values(packet, "MS-CHAP2-Response")
        known = {
            "authenticator_challenge": challenge,
            "peer_challenge": value[2:18],
            "username": packet["User-Name"][0],
            "password": password,
        }
        if value[26:] != mschap.nt_response(**known):
            return None
        proof = mschap.authenticator_response(**known, response=value[26:])
        add_attribute(reply, "MS-CHAP2-Success", b"\0" + proof.encode())
        return AccessAccept

    def _check_eap(self, packet, reply, password):
        """Offer PEAP first, so that the NAS has to ask for MD5."""
        answer = eap.decode(raw_values(packet, "EAP-Message"))
        if answer.kind != eap.MD5_CHALLENGE:
            challenge, state = os.urandom(16), os.urandom(8)
            request = eap.EapPacket(eap.REQUEST, 5, 25, b"\x20")
            if answer.kind == eap.NAK:
                data = bytes((16,)) + challenge
                request = eap.EapPacket(eap.REQUEST, 6, eap.MD5_CHALLENGE, data)
                self._challenges[state] = request
            for value in eap.encode(request):
                add_attribute(reply, "EAP-Message", value)
            add_attribute(reply, "State", state)
            return AccessChallenge
        (state,) = raw_values(packet, "State")
        expected = eap.respond(self._challenges.pop(state), password)
        return AccessAccept if answer == expected else None
