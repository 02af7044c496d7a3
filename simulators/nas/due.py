"""Let sessions do what falls due between two moments, in the order of time."""

import heapq
from collections.abc import Callable, Sequence

from simulators.nas.session import NasSession


def run_due(
    sessions: Sequence[NasSession],
    until_us: int,
    set_clock: Callable[[int], int],
) -> None:
    """Bring the clock to each moment at which a session acts, and let it.

    A CoA may move a session's next moment meanwhile, so each is asked again when its
    turn has come.
    """
    due = [
        (moment, order, session)
        for order, session in enumerate(sessions)
        if (moment := session.next_event_us()) is not None
    ]
    heapq.heapify(due)
    while due and due[0][0] <= until_us:
        moment, order, session = due[0]
        next_moment = session.next_event_us()
        if next_moment is not None and next_moment <= moment:
            session.act(set_clock(moment))
            next_moment = session.next_event_us()
        if next_moment is None:
            heapq.heappop(due)
        else:
            heapq.heapreplace(due, (next_moment, order, session))
