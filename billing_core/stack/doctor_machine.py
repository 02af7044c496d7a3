"""Look at the machine and at the processes of the stack."""

import ctypes
import shutil
import stat
import time
from collections.abc import Callable

from billing_core.stack import control, radius
from billing_core.stack.cluster import made_by_version
from billing_core.stack.findings import Finding, Patient, fail, ok, times, warn
from billing_core.stack.packages import (
    embedded_python,
    find_programs,
    refuse_wrong_python,
)
from billing_core.stack.ports import SERVICES, is_free, port_owner
from billing_core.stack.programs import log_tail

FREE_OCTETS_WARN = 2 * 10**9
FREE_OCTETS_FAIL = 256 * 10**6
SPOOL_SECONDS_MAX = 60
#: The state of a clock that nothing keeps right (adjtimex(2)).
TIME_ERROR = 5


def check_packages(patient: Patient) -> list[Finding]:
    """Look for missing packages and versions known to be broken."""
    programs = find_programs(made_by_version(patient.layout))
    version = ".".join(map(str, programs.freeradius_version))
    return [
        ok("packages", f"FreeRADIUS {version}, PostgreSQL {programs.postgres_version}")
    ]


def check_python(_patient: Patient) -> list[Finding]:
    """Look whether this Python is the one inside FreeRADIUS."""
    embedded = embedded_python()
    refuse_wrong_python(embedded)
    return [ok("python", f"{embedded}, as FreeRADIUS embeds")]


def check_settings(patient: Patient) -> list[Finding]:
    """Look whether the settings can be read."""
    if patient.settings is None:
        return [fail("settings", patient.settings_error, "")]
    return [ok("settings", str(patient.layout.config))]


def check_secrets(patient: Patient) -> list[Finding]:
    """Look whether secrets are readable for others than the servers."""
    open_files = [
        file.name
        for file in (patient.layout.secrets, *sorted(patient.layout.secrets.iterdir()))
        if file.stat().st_mode & (stat.S_IRWXO)
    ]
    if open_files:
        return [
            fail(
                "secrets",
                f"others may read {', '.join(open_files)}",
                f"chmod -R o= {patient.layout.secrets}",
            )
        ]
    return [ok("secrets", "readable for the servers only")]


def check_disk(patient: Patient) -> list[Finding]:
    """Look for room: PostgreSQL stops on a full disk."""
    free = shutil.disk_usage(patient.layout.var).free
    found = f"{free / 10**9:.1f} GB free at {patient.layout.var}"
    if free >= FREE_OCTETS_WARN:
        return [ok("disk", found)]
    mend = f"Free some space; logs are in {patient.layout.log}."
    return [(fail if free < FREE_OCTETS_FAIL else warn)("disk", found, mend)]


def check_clock(_patient: Patient) -> list[Finding]:
    """Look whether something keeps the clock right: service days begin by it."""
    libc = ctypes.CDLL(None)
    # A zeroed struct timex asks without changing anything; 512 octets hold it.
    state = libc.adjtimex(ctypes.create_string_buffer(512))
    if state == TIME_ERROR or state < 0:
        return [
            warn(
                "clock",
                "nothing keeps the clock right",
                "Install chrony or systemd-timesyncd: service days, validities and "
                "Event-Timestamp go by the clock.",
            )
        ]
    return [ok("clock", "kept right")]


def check_processes(patient: Patient) -> list[Finding]:
    """Look whether every process runs and stays up."""
    if not patient.is_running:
        return [fail("stack", "it does not run", "khata up")]
    return [_process(patient, name) for name in patient.state.processes]


def _process(patient: Patient, name: str) -> Finding:
    state = control.process_state(patient.layout.run, name)
    log = patient.layout.log / f"{name}.log"
    if state.state != "running":
        found = f"{state.state}; last time it {state.last_end or 'was stopped'}"
        return fail(
            name, found, f"`khata up` starts it. The end of {log}:\n{log_tail(log, 4)}"
        )
    if state.restarts:
        found = f"restarted {times(state.restarts)}; last time it {state.last_end}"
        return warn(name, found, f"See {log}.")
    return ok(name, f"runs (pid {state.pid})")


def check_ports(patient: Patient) -> list[Finding]:
    """Look whether the recorded ports are listened on, and by whom else."""
    started = {
        "postgres": "postgres",
        "auth": "freeradius",
        "acct": "freeradius",
        "web": "web",
    }
    findings = []
    for service in SERVICES:
        name = started[service.key]
        port = patient.state.ports[service.key]
        if name not in patient.state.processes:
            continue
        runs = control.process_pid(patient.layout.run, name) is not None
        free = is_free(port, service.kind, "127.0.0.1")
        check = f"port {port}"
        if runs and free:
            findings.append(
                fail(check, f"{name} does not listen ({service.title})", "khata up")
            )
        elif not runs and not free:
            owner = port_owner(port, service.kind) or "another program"
            findings.append(
                warn(
                    check,
                    f"{service.title}: taken by {owner}",
                    "The next `khata up` uses another port and tells it.",
                )
            )
        elif runs:
            findings.append(ok(check, service.title))
    return findings


def check_radius_answers(patient: Patient) -> list[Finding]:
    """Ask FreeRADIUS on both ports whether it is alive (RFC 5997)."""
    if "freeradius" not in patient.state.processes or not patient.is_running:
        return []
    findings = []
    for key in ("auth", "acct"):
        port = patient.state.ports[key]
        check = f"FreeRADIUS {key}"
        if radius.answers("127.0.0.1", port, patient.radius_secret):
            findings.append(ok(check, f"answers Status-Server on port {port}"))
        else:
            findings.append(
                fail(
                    check,
                    f"no answer to Status-Server on port {port}",
                    f"See {patient.layout.log / 'freeradius.log'}.",
                )
            )
    return findings


def check_spool(patient: Patient) -> list[Finding]:
    """Look for accounting packets that wait on disk for the database."""
    now = time.time()
    waiting = [
        file
        for file in patient.layout.spool.rglob("*")
        if file.is_file()
        and file.stat().st_size
        and now - file.stat().st_mtime > SPOOL_SECONDS_MAX
    ]
    if waiting:
        size = sum(file.stat().st_size for file in waiting)
        return [
            fail(
                "spool",
                f"{len(waiting)} files, {size} octets of accounting wait",
                "The database was away, or refuses them: see "
                f"{patient.layout.log / 'freeradius.log'}. They are read in when "
                "it takes them; nothing is lost while the files stay.",
            )
        ]
    return [ok("spool", "empty")]


MACHINE_CHECKS: list[Callable[[Patient], list[Finding]]] = [
    check_packages,
    check_python,
    check_settings,
    check_secrets,
    check_disk,
    check_clock,
    check_processes,
    check_ports,
    check_radius_answers,
    check_spool,
]
