"""What the HTTP surface asks of the daemon: one protocol, and the one way in which it says no.

Every answer is a shape of `daemon.views`. `by` is the actor written into the timeline and the audit trail: the person
that the token is bound to, else the token's name. A method that changes something answers only after the change is
committed, and asking for a change that is already so is not an error: acknowledging twice answers the same incident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from daemon import views
from recuo.values import Instant

Refusal = Literal["not-found", "conflict", "invalid", "unavailable"]


class OperationError(Exception):
    """The daemon says no: HTTP 404, 409, 422 or 503, in the order of `Refusal`.

    `message` is one sentence for a tired person; `details` are the reasons, one each: what still fires, what is open.
    """

    def __init__(self, kind: Refusal, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind: Refusal = kind
        self.message = message
        self.details = tuple(details)


class Identity(NamedTuple):
    """Who a token belongs to: its own name, the role that it opens, and the person that it is bound to, if any."""

    token_id: int
    name: str
    role: views.Role
    person: str | None = None
    last_used_at: Instant | None = None

    @property
    def actor(self) -> str:
        """What the timeline calls them."""
        return self.person or self.name


class Operations(Protocol):
    """What the web needs of the daemon. `daemon/operations.py` is the one implementation beside the tests' own."""

    # --- the daemon itself: these are asked without a token ---

    async def alive(self) -> views.Liveness:
        """Whether the loop that evaluates rules has turned lately; answered without touching the store."""

    async def ready(self) -> views.Readiness:
        """Whether the state is writable, rules have been evaluated and a configuration is loaded; reasons if not."""

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the exposition format that the Accept header asks for, and its content type."""

    async def authenticate(self, token: str) -> Identity | None:
        """Whose token this is; None for one that is unknown or revoked, or whose person is gone."""

    # --- what is ---

    async def service(self) -> views.ServiceView: ...

    async def status(self) -> views.Status: ...

    async def sources(self) -> Sequence[views.SourceView]: ...

    async def rules(self) -> Sequence[views.RuleSummary]: ...

    async def rule(self, name: str) -> views.RuleView:
        """Raises OperationError `not-found`, naming the nearest rule."""

    async def alerts(self) -> Sequence[views.AlertView]:
        """Everything that is pending, firing or unknown."""

    async def incidents(
        self, *, state: views.IncidentState | Literal["open"] | None, limit: int, before: int | None
    ) -> Sequence[views.IncidentSummary]:
        """Newest first: at most `limit` (1 to 500), with an id below `before`. `open`: triggered or acknowledged."""

    async def incident(self, incident: int) -> views.IncidentDetail:
        """Raises OperationError `not-found`."""

    async def explain_incident(self, incident: int) -> Sequence[views.Explanation]:
        """One explanation for each alert of the incident whose rule is still watched. `not-found` as above."""

    async def explain(self, rule: str, labels: Mapping[str, str] | None) -> Sequence[views.Explanation]:
        """Of one label set, or of every one of the rule when `labels` is None. `not-found` for an unknown rule."""

    async def oncall(self, at: Instant | None) -> views.OnCall:
        """Who is on call at an instant; now, when it is None."""

    async def deliveries(self, *, incident: int | None, limit: int) -> Sequence[views.DeliveryView]:
        """Messages to people, newest first, of one incident or of all."""

    async def config(self) -> views.ConfigView:
        """The effective configuration, secrets masked."""

    async def doctor(self) -> views.Doctor:
        """Looks at everything that a person could put right: credentials, channels, disk, clock, permissions."""

    async def verify_audit(self) -> views.AuditCheck:
        """Reads the chain of events from the start and says whether it is whole."""

    # --- what people do to an incident; each raises OperationError `not-found` or `conflict` ---

    async def acknowledge(self, incident: int, *, by: str) -> views.IncidentDetail:
        """Stops the escalation. A resolved or closed incident is a `conflict`."""

    async def comment(self, incident: int, *, by: str, text: str) -> views.IncidentDetail: ...

    async def resolve(self, incident: int, *, by: str, reason: str) -> views.IncidentDetail:
        """A `conflict` while an alert fires or is unknown and no reason is given (A7), with the alerts as details."""

    async def assess(self, incident: int, *, by: str, fields: Mapping[str, str]) -> views.IncidentDetail:
        """Fields of `views.Assessment`: those given replace, the others stay."""

    async def decide(self, incident: int, *, by: str, decision: str) -> views.IncidentDetail: ...

    async def verify(self, incident: int, *, by: str, note: str) -> views.IncidentDetail:
        """Someone has seen that it works again: the clock `execute` stops, and an event's incident may end (S11)."""

    async def answer(self, incident: int, *, by: str, item: str, answer: str) -> views.IncidentDetail:
        """One item of the checklist; the last one closes a resolved incident. `invalid` names the nearest item."""

    # --- administration ---

    async def tokens(self) -> Sequence[views.TokenView]: ...

    async def create_token(self, *, name: str, role: views.Role, person: str | None, by: str) -> views.NewToken:
        """`conflict` for a name that is taken, `invalid` for a person who is not in the configuration."""

    async def revoke_token(self, name: str, *, by: str) -> views.TokenView:
        """From the next request on it opens nothing. `conflict` for the last admin token."""

    async def reload(self, *, by: str) -> views.ReloadView:
        """Reads the configuration again: taken up whole, or not at all (`ok` is false and `problems` say why)."""

    async def test_page(self, *, by: str) -> Sequence[views.DeliveryView]:
        """Queues a test message to every person's every contact and every receiver: to be tried before 3 a.m."""

    async def backup(self, *, by: str) -> Path:
        """A checked copy of the state in a private file of its own, which the web sends and then removes."""
