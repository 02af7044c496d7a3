"""Fill the intake with accounting packets, as FreeRADIUS would have recorded them."""

import psycopg

from bench.people import Sizes

#: Seconds between two interim updates of a session.
INTERIM_SECONDS = 300


def fill_intake(
    conn: psycopg.Connection, sizes: Sizes, count: int, *, first_round: int
) -> int:
    """Record interim updates of the running sessions in turn; return rounds used.

    In each round every running session reports once, 300 s after its last report. Each
    round may be used once: rounds are numbered from 1.
    """
    conn.execute(
        _FILL,
        {
            "count": count,
            "free": sizes.free,
            "running": sizes.running,
            "first_round": first_round,
            "rounds": -(-count // sizes.running),
            "interim": INTERIM_SECONDS,
        },
    )
    return -(-count // sizes.running)


_FILL = """
INSERT INTO acct_intake (
    nas_id, status_type, username, acct_session_id, class_value, event_epoch,
    delay_seconds, session_seconds, input_octets, output_octets, input_gigawords,
    output_gigawords, terminate_cause, nas_ip, nas_identifier, nas_port_id,
    calling_station_id, called_station_id, framed_ip, framed_ipv6)
SELECT s.nas_id, 'Interim-Update', s.username, s.acct_session_id, s.class_value,
       extract(epoch FROM s.started_at)::bigint + seconds, 0, seconds,
       round * 1000000, round * 10000000, 0, 0, '', '127.0.0.1', 'bench', 'ether1',
       s.calling_station_id, 'bench', '10.0.0.2', ''
  FROM (SELECT *, round * %(interim)s AS seconds
          FROM generate_series(%(first_round)s::integer,
                               %(first_round)s + %(rounds)s - 1) round) r
 CROSS JOIN acct_session s
 WHERE s.ended_at IS NULL AND s.customer_id > %(free)s
   AND s.customer_id <= %(free)s + %(running)s
 ORDER BY round, s.customer_id
 LIMIT %(count)s
"""
