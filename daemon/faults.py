"""Reports the daemon's own faults to Sentry, when a DSN is given; without one the library is not even imported."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import structlog

from daemon.redact import redactor
from recuo import __version__

if TYPE_CHECKING:
    from daemon.configuration.models import Config


_reporting = threading.Event()


def capture(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """As a structlog processor: an event that carries an exception is reported too, once a DSN is known."""
    if _reporting.is_set() and event.get("exc_info"):
        import sentry_sdk

        found = event["exc_info"]
        sentry_sdk.capture_exception(found if isinstance(found, BaseException) else sys.exc_info()[1])
    return event


def report_to(config: Config) -> bool:
    """Begin to report, if the configuration says where; True if it does.

    What goes out is redacted, and holds no local variables and no request bodies: an incident is nobody else's.
    """
    dsn = config.telemetry.sentry_dsn
    _reporting.clear()
    if dsn is None:
        return False
    import sentry_sdk

    try:
        _begin(sentry_sdk.init, dsn.reveal(), config.service.environment)
    except Exception as err:
        structlog.get_logger(__name__).error("faults are not reported: the Sentry DSN is not one", why=str(err))
        return False
    _reporting.set()
    return True


def _begin(init: Callable[..., object], dsn: str, environment: str) -> None:
    init(
        dsn=dsn,
        release=f"recuo@{__version__}",
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=0.0,
        auto_session_tracking=False,
        default_integrations=True,
        before_send=_clean,
        before_breadcrumb=_clean_crumb,
    )


def _clean(event: Any, _hint: Any) -> Any:
    return redactor.value(event)


def _clean_crumb(crumb: Any, _hint: Any) -> Any:
    return redactor.value(crumb)
