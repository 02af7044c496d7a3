"""The demo: the main job end to end on the embedded stack, each step checked.

The NAS is *simulated*; FreeRADIUS, PostgreSQL, the worker and every packet are real.
"""

from simulators.demo.command import demo

__all__ = ["demo"]
