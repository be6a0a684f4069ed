"""A directory as a source: its pages, by name or by content, looked at once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiofiles.os
from msgspec import Struct

from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.delivery import LeftOut
from stream.records.errors import Unavailable
from stream.sources.captures import Capture, is_capture_part
from stream.sources.discovery import Survey, recognise, survey_place
from stream.sources.fixtures import Fixtures
from stream.sources.regular_files import signature_of
from stream.sources.settling import Patience, Settling
from stream.sources.source import ReadOptions, Send

if TYPE_CHECKING:  # only what is no page by its name has them imported
    from stream.sources.capture_source import Captures
    from stream.sources.recognition import Recognition

__all__ = ["Directory"]

LOOK_AGAIN: Final = 0.5
"""Seconds after which a file is looked at again that is not whole yet."""


class RecognisedFile(Struct, frozen=True):
    """What was seen of a file whose name does not say what it is, and which file that was."""

    signature: str | None
    recognition: Recognition


class Directory:
    """The pages of a directory and of those below it, or of the one file that ``place`` is.

    With ``patience`` a file that may still be written to is waited for; without, everything is
    taken as it stands.
    """

    def __init__(  # noqa: PLR0913 -- a directory, and how it is looked at
        self,
        place: Path,
        name: str,
        positions: Mapping[str, bytes],
        options: ReadOptions,
        patience: Patience | None = None,
        *,
        clock: Callable[[], int] | None = None,
        passed_over: AbstractSet[Path] = frozenset(),
    ) -> None:
        """Begin where ``positions`` say; ``name`` is what the parts are known by.

        ``clock``, in Unix seconds, says when lines are due that lay ahead of it. ``passed_over``
        are files and directories that the run itself writes, by their real paths.
        """
        self.place = place
        self.name = name
        self.options = options
        self.settling = Settling(patience)
        self.fixtures = Fixtures(name, positions, options, self.settling)
        self.clock = clock
        self._known_captures = {
            part: position for part, position in positions.items() if is_capture_part(part)
        }
        self.captures: Captures | None = None
        """What reads captures; ``None`` as long as there was none."""
        self.passed_over = passed_over
        self.left_out: list[LeftOut] = []
        """What was not read, when it was last looked at."""
        self._looks: dict[Path, RecognisedFile] = {}
        self.unreadable_files: dict[str, str] = {}
        """Files that could not be read, and why, when it was last looked at."""
        self.has_survey = False
        """Whether it could be read once, if not each file in it."""

    def follow(self, options: ReadOptions, patience: Patience) -> None:
        """Go on by other settings."""
        self.options = self.fixtures.options = options
        if self.captures is not None:
            self.captures.follow(options)
        self.settling.patience = patience

    def survey(self) -> Survey:
        """See what stands there.

        Raises:
            BadInput: the one file holds no pages.
            Unavailable: the directory cannot be read.
        """
        if self.settling.patience is None:
            is_last = not self.options.has_positions
            return survey_place(self.place, self.passed_over, final=is_last)
        return survey_place(self.place, self.passed_over, self._recognise, final=False)

    def _recognise(self, path: Path, named: Endpoint | ObjectList | None) -> Recognition:
        """Look at a file that was not seen before as it is now."""
        signature, known = signature_of(path), self._looks.get(path)
        if known is None or known.signature != signature:
            known = self._looks[path] = RecognisedFile(signature, recognise(path, named))
        return known.recognition

    async def look(self, send: Send) -> float | None:
        """Emit what is news; return after how many seconds to look again, ``None``: never.

        Raises:
            Unavailable: the directory or a file in it cannot be read; all else was emitted. As
                long as nobody knows what pages were asked with, nothing is.
        """
        self.unreadable_files = {}
        return await self.deliver(await aiofiles.os.wrap(self.survey)(), send)

    async def deliver(self, survey: Survey, send: Send) -> float | None:
        """Emit what is news of what stands there; return as :meth:`look`.

        Raises:
            Unavailable: as :meth:`look`.
        """
        self.left_out, self.has_survey = survey.left_out, True
        if survey.request_faults:
            self.unreadable_files = {str(one.place): str(one) for one in survey.request_faults}
            raise Unavailable(str(survey.request_faults[0]))
        self.settling.forget_changed()
        failed, whole = None, True
        try:
            whole = await self.fixtures.deliver(survey.chains, send)
        except Unavailable as error:
            if self.settling.patience is None:
                raise
            failed = error
        others = [capture for _, capture in self.fixtures.other_files.values()]
        captures = sorted([*survey.captures, *others], key=lambda one: one.name)
        reader, self.unreadable_files = self._reader_of(captures), self.fixtures.unreadable_files
        if reader is not None:
            try:
                whole = await reader.deliver(captures, send) and whole
            finally:
                self.unreadable_files = {**self.unreadable_files, **reader.unreadable_files}
        if failed is not None:
            raise failed
        if self.settling.patience is None:
            return None
        rescan = self.settling.patience.rescan
        due = None if reader is None else reader.seconds_until_due
        pause = rescan if due is None else min(rescan, max(due, LOOK_AGAIN))
        return pause if whole else min(rescan, LOOK_AGAIN)

    def _reader_of(self, captures: Sequence[Capture]) -> Captures | None:
        """Return what reads captures; ``None``: there are none, and none were read before."""
        if self.captures is None and (captures or self._known_captures):
            from stream.sources.capture_source import Captures  # noqa: PLC0415 -- 4 ms; pages need none of it

            self.captures = Captures(
                self.name, self._known_captures, self.options, self.settling, self.clock
            )
        return self.captures
