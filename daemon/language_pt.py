"""The catalogue of `daemon.language`: English sentences of ours and their Brazilian Portuguese."""

from __future__ import annotations

from typing import Final, TypeAlias

from daemon.language_pt_config import CONFIGURATION
from daemon.language_pt_file import FILE
from daemon.language_pt_people import PEOPLE
from daemon.language_pt_state import STATE
from daemon.language_pt_watching import WATCHING

Pairs: TypeAlias = tuple[tuple[str, str], ...]

SENTENCES: Final[Pairs] = (*WATCHING, *PEOPLE, *CONFIGURATION, *FILE, *STATE)
