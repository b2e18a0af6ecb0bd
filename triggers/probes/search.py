"""Looks for a text in an answer's body as it comes, holding no more than two pieces of it."""

from __future__ import annotations

import zlib
from typing import Any, Final

from triggers.probes.wire import TooMuch


class BodySearch:
    """Looks for bytes in a stream that may be compressed, although we asked that it be not."""

    _PIECE: Final = 65_536

    def __init__(self, text: bytes, encoding: str, most: int) -> None:
        self._text = text
        self._most = most
        self._unpacked = 0
        self._tail = b""
        self._found = False
        self._wrong = ""
        self._inflate: Any = None
        if encoding in {"gzip", "x-gzip", "deflate"}:
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in {"", "identity"}:
            self._wrong = "the answer is in an encoding that was not asked for"

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Raises TooMuch where unpacked they are more than may come at all."""
        if self._found or self._wrong:
            return
        if self._inflate is None:
            self._look(chunk)
            return
        try:
            while chunk and not self._found:
                piece = self._inflate.decompress(chunk, self._PIECE)
                self._unpacked += len(piece)
                if self._unpacked > self._most:
                    raise TooMuch
                self._look(piece)
                chunk = self._inflate.unconsumed_tail
        except zlib.error:
            self._wrong = "the answer's compression is broken"

    def _look(self, piece: bytes) -> None:
        window = self._tail + piece
        self._found = self._text in window
        self._tail = window[-(len(self._text) - 1) :] if len(self._text) > 1 else b""

    def complaint(self) -> str:
        """What is wrong at the end of the body."""
        return "" if self._found else self._wrong or "the expected text is not in the answer"
