"""Requests are read once, and odd ones are refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.access import AccessRequest
from billing_core.mac_addresses import parse_mac
from radius_module.attributes import MalformedRequestError, parse_access_request

PAIRS = (
    ("User-Name", "alice"),
    ("Calling-Station-Id", "02-00-5e-10-00-01"),
    ("NAS-Port-Id", "ether1"),
    ("Khata-Nas-Id", "7"),
)


def test_a_request_is_read_by_name_whatever_the_order():
    for pairs in (PAIRS, PAIRS[::-1]):
        request = parse_access_request(pairs)
        assert request == AccessRequest("alice", "7", "02-00-5e-10-00-01")


def test_a_nas_need_not_tell_the_device():
    assert parse_access_request((PAIRS[0], PAIRS[3])).calling_station_id == ""


@pytest.mark.parametrize("name", ["User-Name", "Calling-Station-Id", "Khata-Nas-Id"])
def test_an_identity_told_twice_is_refused(name):
    with pytest.raises(MalformedRequestError, match=name):
        parse_access_request((*PAIRS, (name, "8")))


def test_other_attributes_may_come_several_times():
    assert parse_access_request((*PAIRS, ("NAS-Port-Id", "b"))).username == "alice"


@pytest.mark.parametrize("nas_id", [None, "", "x", "-1", "1 OR 1=1", "٣", "9" * 19])
def test_a_request_without_its_nas_is_refused(nas_id):
    pairs = PAIRS[:3] + ((("Khata-Nas-Id", nas_id),) if nas_id is not None else ())
    with pytest.raises(MalformedRequestError, match="Khata-Nas-Id"):
        parse_access_request(pairs)


@pytest.mark.parametrize("pairs", [(), PAIRS[1:], (("User-Name", ""), *PAIRS[1:])])
def test_a_request_without_a_username_is_refused(pairs):
    with pytest.raises(MalformedRequestError, match="User-Name"):
        parse_access_request(pairs)


@pytest.mark.parametrize(
    "text",
    [
        "02:00:5E:10:00:01",
        "02:00:5e:10:00:01",
        "02-00-5E-10-00-01",
        "0200.5e10.0001",
        "0200-5e10-0001",
        "02005e100001",
        "1:2:0:5e:10:0:1",
        "01:02:00:5E:10:00:01",
    ],
)
def test_a_mac_address_has_one_form(text):
    assert parse_mac(text) == "02:00:5E:10:00:01"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "02:00:5E:10:00",
        "02:00:5E:10:00:01:ssid",
        "02:00-5E:10:00:01",
        "2:02:00:5E:10:00:01",
        "1:2:0:5e:10:0",
        "1:2:0:5e:10:0:1:0",
        "1:200:0:5e:10:0:1",
        "G2:00:5E:10:00:01",
        "10.0.0.1",
        "02:00:5E:10:00:01\n",
        "٠٢:00:5E:10:00:01",
    ],
)
def test_what_is_no_mac_address_is_none(text):
    assert parse_mac(text) is None


@given(st.text())
def test_any_text_is_read_or_none(text):
    mac = parse_mac(text)
    assert mac is None or parse_mac(mac) == mac
