"""What FreeRADIUS is told of an installation's own database."""

import pytest
from psycopg.conninfo import make_conninfo

from billing_core.stack.errors import StackError
from billing_core.stack.radius_node import database_address
from billing_core.stack.radius_variables import DatabaseAddress


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "postgresql://khata:s3cret@db.example:6432/isp",
            DatabaseAddress("db.example", "6432", "isp", "khata", "s3cret"),
        ),
        (
            "postgresql://khata:x@a:1,b:2/isp?sslmode=verify-full&target_session_attrs=any",
            DatabaseAddress(
                *("a,b", "1,2", "isp", "khata", "x"),
                " sslmode=verify-full target_session_attrs=any",
            ),
        ),
        (
            "postgresql:///?connect_timeout=9&options=-c%20jit%3Doff",
            DatabaseAddress("/var/run/postgresql", "5432", "khata", "khata", ""),
        ),
    ],
)
def test_an_address_is_said_in_the_words_of_libpq(
    url: str, address: DatabaseAddress
) -> None:
    assert database_address(url) == address


@pytest.mark.parametrize("sign", ['"', "'", "\\", "$", " ", "\n", "é"])
def test_what_the_configuration_cannot_hold_is_refused_without_telling_it(
    sign: str,
) -> None:
    url = make_conninfo(host="db", password=f"hush{sign}")
    with pytest.raises(StackError, match="cannot be told the password") as told:
        database_address(url)
    assert "hush" not in str(told.value)
