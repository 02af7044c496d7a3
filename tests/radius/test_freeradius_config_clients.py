"""Which addresses FreeRADIUS takes packets from."""

import pytest

from billing_core import stack
from billing_core.db.nas import NewNas
from billing_core.services.nas import add_nas
from simulators.nas import Flavour, LoginOutcome, Retry, SimulatedNas
from tests.radius.conftest import next_address
from tests.radius.isp import PASSWORD, Isp, until

# Any character that a secret may have, also those that configuration files, SQL and
# FreeRADIUS's own strings give a meaning to.
SECRETS = [
    "plain-secret",
    "with space and #comment",
    "'single' \"double\" `back`",
    "back\\slash \\n \\' end\\",
    "\\\\two \\t \\101 one\\x",
    "$ENV{HOME} ${prefix} %{User-Name} %n",
    "গোপন",
]


def switch_on(on: stack.Stack, address: str, secret: str) -> SimulatedNas:
    """Make a NAS; whether it is known is the test's affair."""
    return SimulatedNas(
        address,
        secret.encode(),
        auth=("127.0.0.1", on.auth_port),
        acct=("127.0.0.1", on.acct_port),
        flavour=Flavour.PPPOE,
        login_retry=Retry(timeout_seconds=1.0, attempts=1),
    )


@pytest.mark.parametrize("secret", SECRETS)
def test_a_nas_that_is_added_works_without_a_restart(secret: str, isp: Isp) -> None:
    user = isp.customer(isp.package(billing="free"))
    address = next_address()
    add_nas(isp.conn, NewNas(name=address, address=address, secret=secret))

    with switch_on(isp.stack, address, secret) as nas:
        # At most one new address a second is looked up, whoever else asks.
        assert until(lambda: nas.login(user, PASSWORD).accepted)
        nas_id = isp.one("SELECT nas_id FROM nas WHERE address = %s", address)

    assert {session["nas_id"] for session in isp.sessions(user)} == {nas_id}


def test_every_secret_works_for_a_nas_that_is_known_at_the_start(
    own_stack: stack.Stack,
) -> None:
    with Isp(own_stack) as isp:
        user = isp.customer(isp.package(billing="free", sessions_allowed=99))
        addresses = [next_address() for _ in SECRETS]
        for address, secret in zip(addresses, SECRETS, strict=True):
            add_nas(isp.conn, NewNas(name=address, address=address, secret=secret))
        own_stack.down()
        with stack.up(own_stack.var, processes=("postgres", "freeradius")) as again:
            for address, secret in zip(addresses, SECRETS, strict=True):
                with switch_on(again, address, secret) as nas:
                    assert nas.login(user, PASSWORD).accepted, secret


def test_a_wrong_secret_is_no_way_in(isp: Isp) -> None:
    user = isp.customer(isp.package(billing="free"))
    address = next_address()
    add_nas(isp.conn, NewNas(name=address, address=address, secret="right"))
    with switch_on(isp.stack, address, "right") as right:
        assert until(lambda: right.login(user, PASSWORD).accepted)

    with switch_on(isp.stack, address, "wrong") as wrong:
        assert wrong.login(user, PASSWORD).outcome is LoginOutcome.NO_ANSWER
