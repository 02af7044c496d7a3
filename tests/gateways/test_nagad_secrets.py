"""No secret of Nagad's is shown, whatever goes wrong."""

import logging
import traceback
from pathlib import Path

import pytest

from billing_core.gateways.contract import GatewayRefusedError, GatewayUnknownError
from simulators.gateways.nagad import FAULTS
from tests.gateways.nagad_lab import KEYS, Lab, a_refund


def test_no_secret_is_in_a_log_an_error_an_answer_or_a_repr(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(lab.gateway), repr(lab.settings())]
    number = 0
    for fault in (None, *FAULTS):
        if fault is not None:
            lab.state.faults.arm(fault)
        number += 1
        reference = f"K7Q2M9X4T1B8W5Z3R{number:03d}"
        try:
            checkout = lab.create(reference=reference)
            shown.append(repr(checkout))
            lab.state.pay(checkout.payment_id)
            order = a_refund(checkout, reference=reference, paid_at=lab.clock())
            shown.append(repr(lab.ask(checkout)))
            shown.append(repr(lab.gateway.refund(order, now=lab.clock())))
            shown.append(repr(lab.gateway.ask_refund(order, now=lab.clock())))
        except (GatewayUnknownError, GatewayRefusedError) as error:
            shown.append("".join(traceback.format_exception(error)))
        if fault is not None:
            lab.state.faults.disarm(fault)
    assert number == len(FAULTS) + 1
    text = "\n".join([*shown, caplog.text])
    key = lab.state.merchant_private_key
    pieces = [key[at : at + 24] for at in range(0, len(key) - 24, 24)]
    numbers = KEYS.merchant.private_numbers()
    secrets = [*pieces, str(numbers.d), str(numbers.p), str(numbers.q)]
    secrets += [order.challenge for order in lab.state.orders()]
    secrets += lab.state.challenges
    assert not [secret for secret in secrets if secret in text]
    assert "BEGIN" not in text


def test_each_fault_of_the_simulator_is_armed_by_a_test() -> None:
    here = Path(__file__)
    others = [p for p in here.parent.glob("test_nagad*.py") if p != here]
    source = "".join(path.read_text(encoding="utf-8") for path in others)
    assert [fault for fault in FAULTS if f'"{fault}"' not in source] == []
