"""Gather what one stack consists of: places, programs, users, secrets, addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack import cluster as clusters
from billing_core.stack.cluster import Cluster
from billing_core.stack.code_home import CodeHome, reachable_code_home, reachable_var
from billing_core.stack.identities import Identity, postgres_identity, server_identity
from billing_core.stack.layout import Layout, make_directories, told_plainly
from billing_core.stack.packages import (
    Programs,
    embedded_python,
    find_programs,
    refuse_wrong_python,
)
from billing_core.stack.secret_files import (
    card_key_file,
    secret_key_file,
    server_secret,
    superuser_password,
    write_server_secret,
)
from billing_core.stack.state import State

CONNECTIONS_BESIDE_RADIUS = 60


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the processes of one stack need to know of one another."""

    layout: Layout
    cluster: Cluster
    programs: Programs
    server: Identity
    code: CodeHome
    database_url: str
    radius_secret: str
    ports: Mapping[str, int]


def prepare_places(chosen_var: Path | None) -> Layout:
    """Check the interpreter and make every directory the stack lives in."""
    postgres, server = postgres_identity(), server_identity()
    with told_plainly("preparing the stack"):
        var = reachable_var(chosen_var, (postgres, server))
        var.mkdir(parents=True, exist_ok=True)
        layout = Layout(var.resolve())
        refuse_wrong_python(embedded_python())
        make_directories(layout, postgres, server)
    return layout


def survey(layout: Layout, state: State) -> Surroundings:
    """Gather what the processes need to know; secrets are made if there are none."""
    server = server_identity()
    made_by = clusters.made_by_version(layout)
    programs = find_programs(made_by)
    cluster = Cluster(
        layout,
        programs.postgres_bin,
        postgres_identity(),
        state.ports["postgres"],
        superuser_password(layout),
        # Two for each FreeRADIUS thread, and the rest for us.
        max_connections=2 * state.max_threads + CONNECTIONS_BESIDE_RADIUS,
    )
    secret_key_file(layout, server, has_database=made_by is not None)
    card_key_file(layout, server)
    database_url = cluster.app_url(server_secret(layout, "database_password", server))
    write_server_secret(layout, "database_url", database_url, server)
    server_secret(layout, "admin_password", server)
    return Surroundings(
        layout,
        cluster,
        programs,
        server,
        reachable_code_home(server),
        database_url,
        server_secret(layout, "radius_secret", server),
        state.ports,
    )
