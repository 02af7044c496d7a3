"""Fill peer (a)'s database: Debian's schema, the same customers and sessions."""

from pathlib import Path

import psycopg
from psycopg import sql

from bench.data import RUNNING_SECONDS
from bench.people import NAS_IDENTIFIER, PASSWORD, Sizes
from billing_core.stack.packages import RADDB_DIR

DATABASE = "radius"
ROLE = "radius"
_SCHEMA = Path(RADDB_DIR, "mods-config/sql/main/postgresql/schema.sql")


def make_database(superuser_url: str, password: str) -> str:
    """Make the peer's role and database in the same cluster; return its address."""
    with psycopg.connect(superuser_url, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(ROLE), sql.Literal(password)
            )
        )
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(ROLE)
            )
        )
        host, port = conn.info.host, conn.info.port
    return f"postgresql://{ROLE}:{password}@{host}:{port}/{DATABASE}"


def fill(database_url: str, sizes: Sizes) -> None:
    """Put in what the queries need to accept every customer, and no more.

    Each customer has a password and a daily limit of session time (so that sqlcounter
    has something to count) and a rate limit to send. Groups stay empty: the stock
    queries look for them at each login all the same.
    """
    values = {
        "customers": sizes.customers,
        "past": sizes.past_sessions,
        "first": sizes.free + 1,
        "password": PASSWORD,
        "nas_identifier": NAS_IDENTIFIER,
        "seconds": RUNNING_SECONDS,
    }
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute(_SCHEMA.read_text(encoding="utf-8"))
        for statement in _FILL:
            conn.execute(statement, values)
        conn.execute("SET synchronous_commit = on")
        conn.execute("VACUUM ANALYZE")


_FILL = (
    # Not shipped, and without it sqlcounter reads all of radacct at each login.
    "CREATE INDEX radacct_username ON radacct (username)",
    """
    INSERT INTO radcheck (username, attribute, op, value)
    SELECT 'c' || lpad(n::text, 7, '0'), attribute, ':=', value
      FROM generate_series(1, %(customers)s) n
     CROSS JOIN (VALUES ('Cleartext-Password', %(password)s::text),
                        ('Max-Daily-Session', '86400')) AS item (attribute, value)
    """,
    """
    INSERT INTO radreply (username, attribute, op, value)
    SELECT 'c' || lpad(n::text, 7, '0'), 'Mikrotik-Rate-Limit', ':=', '5M/20M'
      FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO radacct (
        acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype,
        acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, acctauthentic,
        acctinputoctets, acctoutputoctets, calledstationid, callingstationid,
        acctterminatecause, servicetype, framedprotocol, framedipaddress)
    SELECT '7' || lpad(to_hex(i), 7, '0'), md5(i::text),
           'c' || lpad(c::text, 7, '0'), '127.0.0.1', 'ether1', 'Ethernet', at,
           at + interval '1 hour', at + interval '1 hour', 3600, '', 100000000,
           1000000000, 'bench', '02:00:00:00:00:00', 'User-Request', 'Framed-User',
           'PPP', '10.0.0.1'
      FROM (SELECT i, 1 + (i - 1) %% %(customers)s AS c,
                   now() - make_interval(
                       days => (2 + (%(past)s - i) / %(customers)s)::integer) AS at
              FROM generate_series(1, %(past)s::bigint) i) s
    """,
    # The unique id as policy acct_unique of 3.2.1 computes it for the packets of
    # bench/packets.py: user, session, NAS address, NAS identifier, port id, port.
    """
    INSERT INTO radacct (
        acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype,
        acctstarttime, acctupdatetime, acctsessiontime, acctauthentic, acctinputoctets,
        acctoutputoctets, calledstationid, callingstationid, servicetype,
        framedprotocol, framedipaddress)
    SELECT session, md5(concat_ws(',', username, session, '127.0.0.1',
                                  %(nas_identifier)s::text, 'ether1', '')),
           username, '127.0.0.1', 'ether1', 'Ethernet', start, start, 0, '', 0, 0,
           'bench', '02:00:00:00:00:00', 'Framed-User', 'PPP', '10.0.0.2'
      FROM (SELECT 'c' || lpad(n::text, 7, '0') AS username,
                   '8' || lpad(to_hex(n), 7, '0') AS session,
                   now() - make_interval(secs => %(seconds)s) AS start
              FROM generate_series(%(first)s::bigint, %(customers)s::bigint) n) s
    """,
)
