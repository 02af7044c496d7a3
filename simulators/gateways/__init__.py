"""Payment gateways, *simulated*: no money moves, the rest is faithful.

Each has a state and ``create_app(state)``; in a test the app is mounted in-process::

    client = httpx.Client(transport=httpx.WSGITransport(create_app(state)))

`python -m simulators.gateways` serves all of them on one loopback port, with the pages
where a customer pays, fails or gives up. `/<gateway>/simulated/faults` is the list of
what can be made to go wrong, for one payment or for all.
"""
