"""Incidents (design A7, A8): opened by alerts, worked on by people, over when it is quiet, each fact in the timeline.

All functions are synchronous and take a connection: `tx` where they change rows, in the caller's transaction, `conn`
where they only read. `by` is who does it: a person's key, a token's name, or `recuo`.
"""

from daemon.incidents.cycle import first_delivery, next_due, prune, resume, shift, tick
from daemon.incidents.joining import apply
from daemon.incidents.people import ASSESSMENT, acknowledge, answer, assess, comment, decide, resolve, verify
from daemon.incidents.rows import IncidentError
from daemon.incidents.saved import alert_states, save_alerts, save_silences
from daemon.incidents.views import counts, detail, listing
from daemon.incidents.words import describe

__all__ = [
    "ASSESSMENT",
    "IncidentError",
    "acknowledge",
    "alert_states",
    "answer",
    "apply",
    "assess",
    "comment",
    "counts",
    "decide",
    "describe",
    "detail",
    "first_delivery",
    "listing",
    "next_due",
    "prune",
    "resolve",
    "resume",
    "save_alerts",
    "save_silences",
    "shift",
    "tick",
    "verify",
]
