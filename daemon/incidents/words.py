"""One plain sentence for each event of the timeline, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from daemon.incidents.rows import alert_name
from daemon.language import said, say
from daemon.notices import budget_name
from recuo.values import format_duration

_Data: TypeAlias = Mapping[str, Any]

_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "opened": "The incident was opened by {alert}{detail}; severity {severity}.",
        "reopened": "The incident was opened again by {alert}{detail}.",
        "alert-fired": "{alert} fires{detail}.",
        "event-seen": "{alert} happened again{detail}.",
        "alert-resolved": "{alert} has resolved{because}.",
        "alert-unknown": "{alert} is unknown{because}.",
        "alert-known": "{alert} is known again.",
        "raised": "The severity was raised from {old} to {new} by {rule}.",
        "acknowledged": "{actor} has acknowledged{instead}.",
        "commented": "{actor}: {text}",
        "assessed": "{actor} assessed: {changes}.",
        "decided": "{actor} decided: {decision}",
        "verified": "Verified by {actor}{noted}.",
        "verified-recovered": "Verified: the incident recovered after the decision.",
        "recovered": "Recovered: nothing fires any more.",
        "resolved": "Resolved by {actor}{because}{still}.",
        "resolved-quiet": "Resolved: it has stayed quiet.",
        "closed": "Closed.",
        "checklist-answered": "{actor} answered {item}: {answer}",
        "first-update": "The first message was delivered.",
        "budget-warned": "{spent} of {limit} are used up: {budget}.",
        "budget-passed": "The limit of {limit} is passed: {budget}.",
        "paged": "Paged {to} (step {step}, round {cycle}){instead_fallback}.",
        "paged-otherwise": "Paged {to}, because {instead_of} did not deliver.",
        "unreachable": "Could not be paged: {problems}.",
        "escalation-stopped": "Paging stopped: {reason}.",
        "escalation-exhausted": "Nobody has answered; the last resort was paged: {to}.",
        "delivered": "Delivered through {receiver}.",
        "delivery-failed": "Could not be delivered through {receiver}: {reason}.",
        "pruned": "{count} old incidents were removed.",
    },
    "pt-BR": {
        "opened": "O incidente foi aberto por {alert}{detail}; gravidade {severity}.",
        "reopened": "O incidente foi reaberto por {alert}{detail}.",
        "alert-fired": "{alert} disparou{detail}.",
        "event-seen": "{alert} aconteceu de novo{detail}.",
        "alert-resolved": "{alert} voltou ao normal{because}.",
        "alert-unknown": "{alert} é desconhecido{because}.",
        "alert-known": "{alert} voltou a ser conhecido.",
        "raised": "A gravidade subiu de {old} para {new} por {rule}.",
        "acknowledged": "{actor} assumiu{instead}.",
        "commented": "{actor}: {text}",
        "assessed": "{actor} avaliou: {changes}.",
        "decided": "{actor} decidiu: {decision}",
        "verified": "Verificado por {actor}{noted}.",
        "verified-recovered": "Verificado: o incidente se recuperou depois da decisão.",
        "recovered": "Recuperado: nada mais dispara.",
        "resolved": "Resolvido por {actor}{because}{still}.",
        "resolved-quiet": "Resolvido: permaneceu calmo.",
        "closed": "Encerrado.",
        "checklist-answered": "{actor} respondeu {item}: {answer}",
        "first-update": "A primeira mensagem foi entregue.",
        "budget-warned": "{spent} de {limit} já foram usados: {budget}.",
        "budget-passed": "O limite de {limit} foi ultrapassado: {budget}.",
        "paged": "Chamada enviada a {to} (etapa {step}, rodada {cycle}){instead_fallback}.",
        "paged-otherwise": "Chamada enviada a {to}, porque {instead_of} não entregou.",
        "unreachable": "Não foi possível chamar: {problems}.",
        "escalation-stopped": "As chamadas pararam: {reason}.",
        "escalation-exhausted": "Ninguém respondeu; o último recurso foi chamado: {to}.",
        "delivered": "Entregue por {receiver}.",
        "delivery-failed": "Não foi possível entregar por {receiver}: {reason}.",
        "pruned": "{count} incidentes antigos foram removidos.",
    },
}
_PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "took": ", taking over from {0}",
        "still": "; still firing or unknown: {0}",
        "fallback": ", the fallback",
        "was": " (was {0})",
        "acknowledged": "somebody has acknowledged",
        "resolved": "the incident is resolved",
    },
    "pt-BR": {
        "took": ", no lugar de {0}",
        "still": "; ainda disparando ou desconhecido: {0}",
        "fallback": ", o último recurso",
        "was": " (antes: {0})",
        "acknowledged": "alguém assumiu",
        "resolved": "o incidente foi resolvido",
        "critical": "crítica",
        "error": "erro",
        "warning": "aviso",
        "info": "informação",
    },
}
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "impact": "impact",
        "scope": "scope",
        "resources": "resources",
        "severity": "severity",
        "time_to_fix": "time to fix",
        "data_loss_risk": "risk of data loss",
    },
    "pt-BR": {
        "impact": "impacto",
        "scope": "escopo",
        "resources": "recursos",
        "severity": "gravidade",
        "time_to_fix": "tempo de correção",
        "data_loss_risk": "risco de perda de dados",
    },
}


def describe(event: Mapping[str, Any], locale: str) -> str:
    """An event (kind, actor, data) as one sentence; one of a kind that has none is told by its kind and its facts."""
    language = locale if locale in _SENTENCES else "en"
    kind, data = str(event["kind"]), event["data"]
    if kind == "verified" and data.get("how") == "recovered":
        kind = "verified-recovered"
    if kind == "resolved" and event["actor"] == "recuo":
        kind = "resolved-quiet"
    sentence = _SENTENCES[language].get(kind)
    if sentence is None:
        return " ".join([kind, *(f"{name}={value}" for name, value in sorted(data.items()))])
    words = _Words(event, language)
    return sentence.format_map(words)


class _Words(dict[str, str]):
    """What stands for a name in a sentence: computed when it is asked for, never a template itself."""

    def __init__(self, event: Mapping[str, Any], language: str) -> None:
        super().__init__()
        self._event = event
        self._language = language

    def __missing__(self, name: str) -> str:
        if name == "actor":
            return str(self._event["actor"])
        special = _SPECIAL.get(name)
        data: _Data = self._event["data"]
        return special(data, self._language) if special else str(data.get(name, "?"))


def _alert(data: _Data, language: str) -> str:
    return alert_name(str(data.get("rule", "?")), tuple(sorted(data.get("labels", {}).items())))


def _detail(data: _Data, language: str) -> str:
    return f": {say(str(data['text']), language)}" if data.get("text") else ""


def _because(data: _Data, language: str) -> str:
    return f": {say(str(data['reason']), language)}" if data.get("reason") else ""


def _reason(data: _Data, language: str) -> str:
    given = str(data.get("reason", "?"))
    return _PHRASES[language].get(given) or say(given, language)


def _instead(data: _Data, language: str) -> str:
    return _PHRASES[language]["took"].format(data["instead_of"]) if data.get("instead_of") else ""


def _still(data: _Data, language: str) -> str:
    return _PHRASES[language]["still"].format(", ".join(data["still"])) if data.get("still") else ""


def _noted(data: _Data, language: str) -> str:
    return f": {data['note']}" if data.get("note") else ""


def _changes(data: _Data, language: str) -> str:
    was, parts = _PHRASES[language]["was"], []
    for name, change in data.get("changed", {}).items():
        before = was.format(change["old"]) if change.get("old") else ""
        parts.append(f"{_FIELDS[language].get(name, name)}: {change['new']}{before}")
    return "; ".join(parts)


def _duration(name: str) -> Callable[[_Data, str], str]:
    return lambda data, _language: format_duration(int(data.get(name, 0)) // 1000 * 1000)


def _listed(name: str, between: str) -> Callable[[_Data, str], str]:
    return lambda data, _language: between.join(str(item) for item in data.get(name, ())) or "?"


def _severity(name: str) -> Callable[[_Data, str], str]:
    return lambda data, language: _PHRASES[language].get(str(data.get(name, "?")), str(data.get(name, "?")))


_SPECIAL: Final[Mapping[str, Callable[[_Data, str], str]]] = {
    "severity": _severity("severity"),
    "old": _severity("old"),
    "new": _severity("new"),
    "alert": _alert,
    "detail": _detail,
    "because": _because,
    "reason": _reason,
    "instead": _instead,
    "instead_fallback": lambda data, language: _PHRASES[language]["fallback"] if data.get("fallback") else "",
    "still": _still,
    "noted": _noted,
    "changes": _changes,
    "spent": _duration("spent_ms"),
    "limit": _duration("limit_ms"),
    "budget": lambda data, language: budget_name(str(data.get("budget", "?")), language),
    "to": _listed("to", ", "),
    "problems": lambda data, language: "; ".join(said(map(str, data.get("problems", ())), language)) or "?",
}
