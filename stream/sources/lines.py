"""Capture files: many pages in one file, a line for each, read in batches of lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self

from msgspec import Struct
from xxhash import xxh3_64

from stream.decode.density import blame_page
from stream.decode.values import BYTE_ORDER_MARK
from stream.records.errors import BadInput, Unavailable
from stream.sources.captures import ALL_LINES, LineRange
from stream.sources.contents import holds_documents, trim
from stream.sources.digests import CHEAP, Digests
from stream.sources.expansion import ExpandedFile
from stream.sources.settling import is_whole

__all__ = [
    "CaptureReader",
    "Line",
    "too_long_line",
]

HEAD: Final = 1 << 16
"""How many bytes are looked at for a line break, to tell what a file holds."""
BLANKS: Final = 64
"""How many blanks a line may have that is passed over with others."""


class Line(Struct, frozen=True):
    """A line of a capture, without its line break.

    Lines are numbered from 1. ``end`` is the offset behind the line in the expanded bytes: where
    reading may go on. A long line stands in several ``pieces``, as it was expanded: who needs it
    whole puts them together, and they are many MiB. With ``error`` there are none; the line, or all
    that follows, is lost.
    ``complete`` tells whether a line break stood at its end, ``prefix`` tells all bytes up to
    ``end`` from others. ``nul_bytes`` stood in front, and were passed over: whoever empties a file
    that is written to leaves such a hole.
    """

    number: int
    end: int
    pieces: tuple[bytes, ...] = ()
    error: BadInput | None = None
    complete: bool = True
    prefix: int = 0
    nul_bytes: int = 0

    @property
    def content(self) -> bytes:
        """The line as a whole."""
        return b"".join(self.pieces)

    @property
    def is_blank(self) -> bool:
        """Whether nothing but white space is in it."""
        return all(map(bytes.isspace, filter(None, self.pieces)))

    @property
    def final(self) -> bool:
        """Whether it is a whole line, and stays one whatever is appended to its file."""
        return self.complete or (self.error is None and is_whole(self.content))


def too_long_line(length: int, longest: int) -> BadInput:
    """Return what is wrong with a line of more bytes than it may have."""
    return BadInput("size", f"found a line of {length} bytes, expected at most {longest}")


class CaptureReader:
    """Reads a capture's lines in batches, holding no more than a line and a piece of the file.

    ``offset`` and ``line`` are the ``end`` and ``number`` of the line after which reading goes on.
    What was before is read again for the digest, and is not given out.

    Of ``lines`` that do not start with the file nobody knows which number they have: they are
    numbered from their offset on, so that no two of the file's have the same.
    """

    def __init__(  # noqa: PLR0913 -- a file, and what of it is read
        self,
        path: Path,
        max_line_bytes: int,
        *,
        offset: int = 0,
        line: int = 0,
        digests: Digests = CHEAP,
        lines: LineRange = ALL_LINES,
    ) -> None:
        """Open the file.

        Raises:
            BadInput: it is no regular file.
            Unavailable: it is gone, or may not be read.
        """
        start, self._last_start = lines.start, lines.end
        is_plain = lines.is_plain and start > 0
        self._file = ExpandedFile(path, digests, offset=lines.stored_start, is_plain=is_plain)
        self._path = path
        self._longest = max_line_bytes
        self._blank = re.compile(rb"(?:[ \t\r\x0b\f]{0,%d}+\n)++" % min(BLANKS, max_line_bytes))
        self._start = start
        self._is_within = start > 0
        """Whether a line may stand here whose start is of the range before."""
        self._number = start + line + self._is_within
        self._end = start + offset
        self._place = line, offset
        self._behind = offset
        """How many bytes are still to be passed over."""
        self._piece, self._at = b"", 0
        self._held: list[bytes] = []
        self._length = 0
        """How long the line is so far; what is held of it stands in ``_held``, unless too long."""
        self._nul_bytes = 0
        """How many NUL bytes stand in front of the line."""
        self.is_short = False
        """Whether the file ends before the place where reading was to go on."""
        self._prefix = xxh3_64()
        self._fault: BadInput | None = None
        """What was found wrong with the first piece."""
        self.size = self._file.size
        self.signature = self._file.signature

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def digest(self) -> bytes:
        """The digest of the file as it is stored, once its end was reached."""
        return self._file.digest

    @property
    def bytes_read(self) -> int:
        """How many bytes of the stored file were read."""
        return self._file.bytes_read

    def holds_documents(self, *, is_lines: bool) -> bool:
        """Tell whether the file is to be read as a whole; asked before anything is read.

        Raises:
            Unavailable: the file cannot be read.
        """
        try:
            self._advance()
            while len(self._piece) < HEAD and b"\n" not in self._piece:
                more = next(self._file.pieces, None)  # of small members or frames there are many
                if more is None:
                    break
                self._piece += more
        except BadInput as error:
            self._fault = error
        return holds_documents(self._piece, is_lines=is_lines)

    def pass_over(self, prefix: int) -> bool:
        """Pass over what was read before; tell whether it is what it was.

        Raises:
            Unavailable: the file cannot be read.
        """
        try:
            if self._behind:
                self._advance()
        except BadInput:
            return False
        line, offset = self._place
        if not offset:
            return not line  # else it had no lines, and was read as a whole
        return self._prefix.intdigest() == prefix

    def read_lines(self, size_hint: int = 1 << 20) -> list[Line]:
        """Read about ``size_hint`` bytes of lines, at least one line; none is the end.

        Blank lines are passed over. The last line may be an error that ends the file early.

        Raises:
            Unavailable: the file cannot be read.
        """
        lines: list[Line] = []
        enough = self._end + size_hint
        try:
            while (not lines or self._end < enough) and (line := self._next()) is not None:
                if line.error or not line.is_blank:
                    lines.append(line)
        except BadInput as error:
            lines.append(self._give_up(error))
        except MemoryError:
            self._held = []
            fault = blame_page(self._length, f"{self._path} (line {self._number + 1})")
            if isinstance(fault, Unavailable):
                raise fault from None
            lines.append(self._give_up(fault))
        return lines

    def _give_up(self, error: BadInput) -> Line:
        """Read nothing more; return the line that says why.

        Raises:
            Unavailable: the file cannot be read.
        """
        self._file.finish()
        self._held, self._length, self._behind, self._nul_bytes = [], 0, 0, 0
        return Line(self._number + 1, self._end, (), error, complete=False)

    def _next(self) -> Line | None:
        """Read the next line; ``None`` is the end.

        Raises:
            BadInput: the file is broken from here on.
        """
        if self._is_within:
            self._is_within = False
            self._pass_line()
        self._pass_blank()
        while self._last_start is None or self._end <= self._last_start:
            found = self._piece.find(b"\n", self._at)
            if found >= 0:
                self._hold(found)
                self._at = found + 1
                return self._make_line(complete=True)
            self._hold(len(self._piece))
            if not self._advance():
                return self._make_line(complete=False) if self._length else None
            self._pass_blank()
        if not self._start:
            self._file.finish()
        return None

    def _pass_line(self) -> None:
        """Pass over the rest of a line.

        Raises:
            BadInput: the file is broken from here on.
        """
        while (found := self._piece.find(b"\n", self._at)) < 0:
            self._end += len(self._piece) - self._at
            if not self._advance():
                return
        self._end += found + 1 - self._at
        self._at = found + 1

    def _pass_blank(self) -> None:
        """Pass over blank lines in a row, where a line begins: there may be a great many."""
        blank = None if self._length else self._blank.match(self._piece, self._at)
        if blank is not None:
            start, self._at = blank.span()
            self._prefix.update(memoryview(self._piece)[start : self._at])
            self._number += self._piece.count(b"\n", start, self._at)
            self._end += self._at - start

    def _advance(self) -> bool:
        """Take the next piece of the file; return whether there is one.

        Raises:
            BadInput: the file is broken, or ends before the place where reading was to go on.
        """
        self._piece, self._at = b"", 0
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        for piece in self._file.pieces:
            if self._behind:
                self._prefix.update(memoryview(piece)[: self._behind])
            if self._behind < len(piece):
                self._piece, self._at, self._behind = piece, self._behind, 0
                return True
            self._behind -= len(piece)
        if self._behind:
            self.is_short = True
            expected = f"expected the {self._end} that were read before"
            found = f"found {self._behind} bytes too few"
            raise BadInput("capture", f"{found}, {expected}")
        return False

    def _hold(self, to: int) -> None:
        """Keep what the piece has of the line, unless the line is too long to be kept."""
        self._prefix.update(memoryview(self._piece)[self._at : to])
        if not self._length and self._piece.startswith(b"\0", self._at, to):
            line = self._piece[self._at : to].lstrip(b"\0")
            self._nul_bytes += to - self._at - len(line)
            self._at = to - len(line)
        self._length += to - self._at
        if self._length > self._longest:
            self._held.clear()
        elif self._at < to:
            self._held.append(self._piece[self._at : to])

    def _make_line(self, *, complete: bool) -> Line:
        """Make a line of what is held."""
        pieces, error = self._held, None
        if pieces:
            pieces[-1] = pieces[-1].removesuffix(b"\r")
            if pieces[0].startswith(BYTE_ORDER_MARK[:1]):
                content = b"".join(pieces)
                pieces = [trim(content) if content.startswith(BYTE_ORDER_MARK) else content]
        if complete:
            self._prefix.update(b"\n")
        if self._length > self._longest:
            error = too_long_line(self._length, self._longest)
        self._number += 1
        nul_bytes, self._nul_bytes = self._nul_bytes, 0
        self._end += nul_bytes + self._length + complete
        self._held, self._length = [], 0
        seen = self._prefix.intdigest()
        return Line(self._number, self._end, tuple(pieces), error, complete, seen, nul_bytes)
