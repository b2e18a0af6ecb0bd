"""The instants that are known beforehand (S3): one heap, whose entries are checked when they come up.

A deadline mostly moves later (each sample makes staleness later). So an entry is an instant before which nothing can
happen to its subject; when it comes up and the true deadline is later, it goes back with that. Adding a sample costs
nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from recuo.values import Instant


class Subject(Protocol):
    """Something with a deadline. `due_at` is the instant of its one valid entry, None where it has none."""

    due_at: Instant | None


class Timers:
    """Deadlines of subjects; `true_deadline` says when a subject must really be looked at."""

    def __init__(self, true_deadline: Callable[[Subject], Instant | None]) -> None:
        self._true_deadline = true_deadline
        self._heap: list[tuple[Instant, int, Subject]] = []
        self._order = count()

    def set(self, subject: Subject, at: Instant | None) -> None:
        """Look at a subject at an instant, if nothing makes that happen earlier."""
        if at is not None and (subject.due_at is None or at < subject.due_at):
            subject.due_at = at
            heappush(self._heap, (at, next(self._order), subject))

    def next(self) -> Instant | None:
        """The earliest true deadline."""
        heap = self._heap
        while heap:
            at, _, subject = heap[0]
            if subject.due_at == at:
                true_at = self._true_deadline(subject)
                if true_at is not None and true_at <= at:
                    return at
                heappop(heap)
                subject.due_at = None
                self.set(subject, true_at)
            else:
                heappop(heap)
        return None

    def take(self, at: Instant) -> list[Subject]:
        """The subjects whose deadline has come, each once; they have no entry any more."""
        found: list[Subject] = []
        while (first := self.next()) is not None and first <= at:
            _, _, subject = heappop(self._heap)
            subject.due_at = None
            found.append(subject)
        return found

    def clear(self) -> None:
        """Forget every entry."""
        for _, _, subject in self._heap:
            subject.due_at = None
        self._heap.clear()
