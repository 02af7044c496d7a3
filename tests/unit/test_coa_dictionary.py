"""Our dictionary against the RFCs' names and FreeRADIUS's own dictionary."""

import re
from pathlib import Path

import pytest

from radius_module.coa import ERROR_CAUSES
from radius_module.dictionary import radius_dictionary

FREERADIUS = Path("/usr/share/freeradius")
LINE = re.compile(r"^(ATTRIBUTE|VALUE)\s+(\S+)\s+(\S+)\s+(\S+)")
# CoovaChilli's additions, which FreeRADIUS 3.2 lacks.
OURS_ONLY = re.compile(r"ChilliSpot-(Max-\w+-Gigawords|Session-State)$")


def freeradius_lines():
    names = ["rfc2865", "rfc2866", "rfc2869", "rfc3162", "rfc3576", "rfc4372"]
    names += ["rfc4603", "rfc4818", "rfc5176", "rfc6911"]
    names += ["mikrotik", "wispr", "chillispot", "microsoft"]
    for name in names:
        text = (FREERADIUS / f"dictionary.{name}").read_text()
        yield from filter(None, map(LINE.match, text.splitlines()))


@pytest.mark.skipif(not FREERADIUS.is_dir(), reason="FreeRADIUS is not installed")
def test_numbers_and_types_are_those_of_freeradius():
    theirs = {
        found[2]: (int(found[3], 0), found[4].partition("[")[0])
        for found in freeradius_lines()
        if found[1] == "ATTRIBUTE"
    }
    # The password is hidden octets until it is read; FreeRADIUS reads it.
    theirs["User-Password"] = (2, "octets")
    ours = {
        name: (attribute.code, attribute.type)
        for name, attribute in radius_dictionary().attributes.items()
        if not OURS_ONLY.match(name)
    }
    assert ours == {name: theirs[name] for name in ours}


@pytest.mark.skipif(not FREERADIUS.is_dir(), reason="FreeRADIUS is not installed")
def test_named_values_are_those_of_freeradius():
    theirs = {
        (found[2], found[3]): int(found[4], 0)
        for found in freeradius_lines()
        if found[1] == "VALUE"
    }
    ours = {
        (name, value_name): int.from_bytes(encoded)
        for name, attribute in radius_dictionary().attributes.items()
        for value_name, encoded in attribute.values.forward.items()
    }
    assert ours == {key: theirs[key] for key in ours}


def test_the_error_causes_have_the_dictionary_s_names():
    values = radius_dictionary().attributes["Error-Cause"].values.forward
    assert {
        int.from_bytes(encoded): name for name, encoded in values.items()
    } == ERROR_CAUSES


def test_the_vendors_have_their_numbers():
    vendors = radius_dictionary().vendors
    assert {
        name: vendors.GetForward(name)
        for name in ("Mikrotik", "WISPr", "ChilliSpot", "Microsoft")
    } == {"Mikrotik": 14988, "WISPr": 14122, "ChilliSpot": 14559, "Microsoft": 311}
