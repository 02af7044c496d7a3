"""Write khata.toml for a new stack; a person's edits are never overwritten."""

from billing_core.stack.layout import Layout, write_file

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

# Messages to customers: docs/operators/messages.md has all of it. Nothing is told until
# one of these is set.
# smtp_url_file = "secrets/smtp_url"
# mail_from = "Example Net <billing@example.net>"
# sms_url_file = "secrets/sms_url"
"""


def write_config(layout: Layout, *, currency: str, zone: str) -> None:
    """Write the settings file, unless there is one."""
    if not layout.config.exists():
        text = CONFIGURATION.format(currency=currency, zone=zone)
        write_file(layout.config, text, 0o644)
