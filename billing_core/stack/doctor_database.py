"""Look at the database: is it current, is work flowing, does every NAS report."""

from collections.abc import Callable
from pathlib import Path

from alembic.script import ScriptDirectory

from billing_core import migrations
from billing_core.db.connect import Connection
from billing_core.stack.findings import Finding, Patient, fail, ok, warn

HEARTBEAT_SECONDS_MAX = 60
INTAKE_SECONDS_WARN, INTAKE_SECONDS_FAIL = 10, 60
OUTBOX_SECONDS_MAX = 60
#: A NAS may send its first report only after the interim interval (RFC 2869 §2.1).
SILENT_MINUTES_MIN = 10
CLOCK_SKEW_SECONDS_MAX = 300

HEARTBEATS = """
SELECT name, extract(epoch FROM now() - at)::bigint AS age
  FROM process_heartbeat ORDER BY at DESC
"""
INTAKE = """
SELECT count(*), COALESCE(extract(epoch FROM now() - min(received_at)), 0)::bigint
  FROM (SELECT received_at FROM acct_intake ORDER BY intake_id LIMIT 100000) waiting
"""
OUTBOX_FAILED = """
SELECT n.name, o.kind, COALESCE(o.outcome, o.state) AS outcome, o.error_cause, count(*)
  FROM outbox o JOIN nas n USING (nas_id)
 WHERE o.state = 'failed' AND o.finished_at > now() - interval '1 hour'
 GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC LIMIT 10
"""
OUTBOX_LATE = """
SELECT count(*) FROM outbox
 WHERE state IN ('pending', 'sending')
   AND next_attempt_at < now() - make_interval(secs => %s)
"""
#: A session spoke when an accounting packet of it has been folded in.
SILENT_NAS = """
SELECT name, address, logins, last_heard,
       extract(epoch FROM now() - since)::bigint / 60 AS minutes
  FROM (
    SELECT n.name, host(n.address) AS address, count(*) AS logins,
           max(s.last_event_at) FILTER (WHERE s.spoke) AS last_heard,
           COALESCE(max(s.last_event_at) FILTER (WHERE s.spoke),
                    min(s.accepted_at)) AS since,
           max(s.interim_interval_seconds) AS interim
      FROM nas n
      JOIN (SELECT nas_id, accepted_at, last_event_at, interim_interval_seconds,
                   ended_at, (accepted_at IS NULL OR state = 'open'
                    OR session_seconds > 0 OR last_event_at > accepted_at) AS spoke
              FROM acct_session
             WHERE ended_at IS NULL OR ended_at > now() - interval '1 day') s
        ON s.nas_id = n.nas_id
     GROUP BY n.nas_id
    HAVING bool_or(s.ended_at IS NULL) OR NOT bool_or(s.spoke)
  ) seen
 WHERE since < now() - greatest(make_interval(mins => %s),
                                make_interval(secs => 2 * interim))
 ORDER BY minutes DESC LIMIT 20
"""
UNKNOWN_NAS = """
SELECT host(address), packets, to_char(last_seen_at, 'YYYY-MM-DD HH24:MI TZ')
  FROM unknown_nas WHERE last_seen_at > now() - interval '1 day'
 ORDER BY last_seen_at DESC LIMIT 20
"""
SKEWED_NAS = """
SELECT n.name, percentile_disc(0.5) WITHIN GROUP (ORDER BY e.skew) AS skew
  FROM (SELECT nas_id, extract(epoch FROM received_at)::bigint - event_epoch
               - COALESCE(delay_seconds, 0) AS skew
          FROM acct_event
         WHERE received_at > now() - interval '1 hour' AND event_epoch IS NOT NULL
         LIMIT 20000) e
  JOIN nas n USING (nas_id)
 GROUP BY n.nas_id HAVING abs(percentile_disc(0.5)
       WITHIN GROUP (ORDER BY e.skew)) > %s
"""


def check_database(patient: Patient) -> list[Finding]:
    """Look whether the database answers and has the schema of this program."""
    if patient.conn is None:
        return [fail("database", patient.conn_error, "`khata up` starts it.")]
    known = patient.conn.execute("SELECT to_regclass('alembic_version')").fetchone()
    row = None
    if known and known[0] is not None:
        row = patient.conn.execute("SELECT version_num FROM alembic_version").fetchone()
    found, head = row[0] if row else "none", _newest_revision()
    if found != head:
        return [
            fail(
                "database",
                f"its schema is of revision {found}, this program needs {head}",
                "khata db migrate",
            )
        ]
    return [ok("database", f"answers; schema {head}")]


def _newest_revision() -> str | None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    return scripts.get_current_head()


def check_installation(patient: Patient) -> list[Finding]:
    """Look whether the settings name the money and zone that the books are kept in."""
    if patient.conn is None or patient.settings is None:
        return []
    row = patient.conn.execute("SELECT currency, zone FROM installation").fetchone()
    wanted = (patient.settings.currency, patient.settings.zone.key)
    if row != wanted:
        return [
            fail(
                "money and zone",
                f"the database has {row}, the settings say {wanted}",
                f"Correct {patient.layout.config}.",
            )
        ]
    return [ok("money and zone", " ".join(wanted))]


def check_heartbeats(patient: Patient) -> list[Finding]:
    """Look whether worker and scheduler say that they work."""
    if patient.conn is None:
        return []
    ages: dict[str, int] = {}
    for name, age in patient.conn.execute(HEARTBEATS).fetchall():
        for kind in ("worker", "scheduler"):
            if name.startswith(kind):
                ages.setdefault(kind, age)
    findings = []
    for kind in ("worker", "scheduler"):
        if kind not in patient.state.processes:
            continue
        check = f"{kind} heartbeat"
        mend = f"See {patient.layout.log / kind}.log; `khata up` starts it."
        if kind not in ages:
            findings.append(fail(check, "never seen", mend))
        elif ages[kind] > HEARTBEAT_SECONDS_MAX:
            findings.append(fail(check, f"last seen {ages[kind]} s ago", mend))
        else:
            findings.append(ok(check, f"{ages[kind]} s ago"))
    return findings


def check_intake(patient: Patient) -> list[Finding]:
    """Look whether recorded accounting waits for being charged."""
    if patient.conn is None:
        return []
    row = patient.conn.execute(INTAKE).fetchone()
    count, age = row or (0, 0)
    found = f"{count} packets wait, the oldest for {age} s" if count else "none wait"
    if age <= INTAKE_SECONDS_WARN:
        return [ok("accounting intake", found)]
    mend = (
        f"Does a worker run, and fast enough? See {patient.layout.log / 'worker.log'};"
        " more workers may run side by side (`khata worker`)."
    )
    judge = fail if age > INTAKE_SECONDS_FAIL else warn
    return [judge("accounting intake", found, mend)]


def check_outbox(patient: Patient) -> list[Finding]:
    """Look for CoA and Disconnect that failed or wait."""
    if patient.conn is None:
        return []
    findings = []
    for nas, kind, outcome, cause, count in patient.conn.execute(
        OUTBOX_FAILED
    ).fetchall():
        told = f" (Error-Cause {cause})" if cause else ""
        findings.append(
            warn(
                "CoA and Disconnect",
                f"NAS {nas}: {kind} {outcome}{told} {count} times in the last hour",
                _coa_advice(outcome),
            )
        )
    row = patient.conn.execute(OUTBOX_LATE, (OUTBOX_SECONDS_MAX,)).fetchone()
    if row and row[0]:
        findings.append(
            fail(
                "CoA and Disconnect",
                f"{row[0]} wait for more than {OUTBOX_SECONDS_MAX} s",
                f"Does a worker run? See {patient.layout.log / 'worker.log'}.",
            )
        )
    return findings or [ok("CoA and Disconnect", "none failed in the last hour")]


def _coa_advice(outcome: str) -> str:
    if outcome == "TIMEOUT":
        return (
            "Is the NAS reachable, does it accept CoA (MikroTik: /radius incoming set"
            " accept=yes port=3799), are port and secret right? `khata nas list`"
        )
    return "The NAS refused: check the attributes that identify a session for it."


def check_silent_nas(patient: Patient) -> list[Finding]:
    """Look for a NAS that logs customers in but sends no accounting."""
    if patient.conn is None:
        return []
    findings = []
    for name, address, logins, last_heard, minutes in patient.conn.execute(
        SILENT_NAS, (SILENT_MINUTES_MIN,)
    ).fetchall():
        ever = "" if last_heard else " (it never sent any)"
        findings.append(
            fail(
                f"accounting of {name}",
                f"no accounting has come from NAS {name} ({address}) for {minutes} "
                f"minutes though it has {logins} logins{ever}",
                "Switch accounting on there (MikroTik: /ppp aaa set accounting=yes"
                " interim-update=5m use-radius=yes), with this server's accounting"
                f" port {patient.state.ports['acct']}, and let UDP pass.",
            )
        )
    return findings or [ok("accounting of every NAS", "comes in")]


def check_unknown_nas(patient: Patient) -> list[Finding]:
    """Look for addresses that speak RADIUS to us without being a NAS we know."""
    if patient.conn is None:
        return []
    return [
        warn(
            "unknown NAS",
            f"{packets} packets from {address}, which is no NAS we know; last {seen}",
            f"khata nas add NAME {address} … — or find out who that is.",
        )
        for address, packets, seen in patient.conn.execute(UNKNOWN_NAS).fetchall()
    ] or [ok("unknown NAS", "none in the last day")]


def check_nas_clocks(patient: Patient) -> list[Finding]:
    """Look for a NAS whose clock is wrong: its sessions seem to be at another time."""
    if patient.conn is None:
        return []
    return [
        warn(
            f"clock of {name}",
            f"it is {abs(skew)} s {'behind' if skew > 0 else 'ahead'}",
            "Set NTP on that NAS (MikroTik: /system ntp client set enabled=yes).",
        )
        for name, skew in _skewed(patient.conn)
    ] or [ok("clocks of NAS", "right")]


def _skewed(conn: Connection) -> list[tuple[str, int]]:
    return [
        (str(name), int(skew))
        for name, skew in conn.execute(SKEWED_NAS, (CLOCK_SKEW_SECONDS_MAX,)).fetchall()
    ]


DATABASE_CHECKS: list[Callable[[Patient], list[Finding]]] = [
    check_database,
    check_installation,
    check_heartbeats,
    check_intake,
    check_outbox,
    check_silent_nas,
    check_unknown_nas,
    check_nas_clocks,
]
