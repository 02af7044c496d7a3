"""Write khata.toml for a new stack; a person's edits are never overwritten."""

import tomllib

from billing_core.settings import parse_currency, parse_zone
from billing_core.stack.errors import StackError
from billing_core.stack.layout import Layout, write_file

CURRENCY, ZONE = "BDT", "Asia/Dhaka"
CONFIGURATION = """\
# Settings of this Khata. The environment (KHATA_…) wins over them.
# `khata up` wrote this file once; it is yours to edit.

# The secrets stand in files of their own, for the servers' group only. With card_key
# the PINs of recharge cards are kept: when you change it, list the old ones, one a
# line, in the file that card_keys_old_file names.
database_url_file = "secrets/database_url"
secret_key_file = "secrets/secret_key"
card_key_file = "secrets/card_key"

# Fixed for good with the first start: the books are kept in them.
currency = "{currency}"
zone = "{zone}"

# Where the web pages listen. `khata up` finds a free port and `khata status` tells it.
web_host = "127.0.0.1"
# DEBUG, INFO, WARNING or ERROR
log_level = "INFO"

# "no" has FreeRADIUS decide one login after the other: half as many a second.
# parallel_logins = "yes"

# Messages to customers: docs/operators/messages.md has all of it. Nothing is told until
# one of these is set.
# smtp_url_file = "secrets/smtp_url"
# mail_from = "Example Net <billing@example.net>"
# sms_url_file = "secrets/sms_url"
"""


def check_choices(layout: Layout, currency: str | None, zone: str | None) -> None:
    """Refuse money or a zone that cannot be, before anything is made with it.

    They are fixed with the first start: another one later is a mistake, not a wish.
    """
    chosen = {"currency": currency, "zone": zone}
    if currency is not None:
        parse_currency(currency, "--currency")
    if zone is not None:
        parse_zone(zone, "--zone")
    if not layout.config.exists():
        return
    try:
        known = tomllib.loads(layout.config.read_text(encoding="utf-8"))
    except ValueError:
        return  # whoever reads the settings tells where it is broken
    for name, value in chosen.items():
        if value is not None and name in known and known[name] != value:
            raise StackError(
                f"The books of this stack are kept with {name} {known[name]}, not"
                f" {value}.",
                f"Leave out --{name}: it was fixed with the first start.",
            )


def write_config(
    layout: Layout, *, currency: str | None = None, zone: str | None = None
) -> None:
    """Write the settings file, unless there is one."""
    if not layout.config.exists():
        text = CONFIGURATION.format(currency=currency or CURRENCY, zone=zone or ZONE)
        write_file(layout.config, text, 0o644)
