"""What screens say, in English and in Brazilian Portuguese. A test holds the two against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daemon.render.units import NO_BREAK
from daemon.render.words_en import ENGLISH
from daemon.render.words_pt import PORTUGUESE

WORDS: Final[Mapping[str, Mapping[str, str]]] = {"en": ENGLISH, "pt-BR": PORTUGUESE}


def locale_of(text: str | None) -> str:
    """The language for `--lang`, `service.locale` or LANG: `pt-BR` for any Portuguese, else `en`."""
    return "pt-BR" if text and text.lower().replace("_", "-").startswith("pt") else "en"


def plural(locale: str, count: int, key: str) -> str:
    """`3 rules`: the words under `key.one` or `key.many` with the number in front."""
    return f"{count}{NO_BREAK}{WORDS[locale][f'{key}.one' if count == 1 else f'{key}.many']}"
