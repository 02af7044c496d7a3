"""Serve the simulated gateways by hand: `python -m simulators.gateways --port 8090`."""

import time
from wsgiref.types import WSGIApplication

import click

from simulators.gateways import bkash, nagad, sslcommerz
from simulators.gateways.common import hang, wall_clock
from simulators.gateways.server import LOOPBACK, make_gateway_server


def simulated_gateways() -> dict[str, WSGIApplication]:
    """Make each gateway's app, as a server that a browser can walk through."""
    # A server that is started anew must not give the ids of the last one again.
    started = int(time.time())
    return {
        "bkash": bkash.create_app(bkash.BkashState(silence=hang, number=started)),
        "nagad": nagad.create_app(nagad.NagadState(silence=hang, number=started)),
        "sslcommerz": sslcommerz.create_app(
            sslcommerz.SslcommerzState(
                clock=wall_clock, post=sslcommerz.post_ipn, silence=hang
            )
        ),
    }


@click.command(help=__doc__)
@click.option("--port", default=8090, show_default=True)
def main(port: int) -> None:
    """Serve until interrupted."""
    apps = simulated_gateways()
    server = make_gateway_server(apps, port=port)
    for name in sorted(apps):
        address = f"http://{LOOPBACK}:{server.server_port}/{name}"
        click.echo(f"SIMULATED {name}: {address}")
    server.serve_forever()


if __name__ == "__main__":
    main()
