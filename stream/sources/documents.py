"""Files that are read as a whole: arrays, and documents behind each other that are no lines."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from xxhash import xxh3_64

from stream.decode.density import blame_page
from stream.records.errors import BadInput, Unavailable
from stream.sources.contents import is_json, pages_in
from stream.sources.digests import CHEAP, Digests
from stream.sources.expansion import ExpandedFile
from stream.sources.lines import Line

__all__ = ["DocumentReader"]


class DocumentReader:
    """Reads such a file as :class:`CaptureReader` reads lines: a page stands for a line.

    ``page`` is the number of the page after which reading goes on; there are no offsets. The last
    page is not complete while it is broken JSON, as more of it may be written.
    """

    def __init__(self, path: Path, max_bytes: int, page: int, digests: Digests = CHEAP) -> None:
        """Open the file; of its expanded bytes there may be ``max_bytes``.

        Raises:
            BadInput: it is no regular file.
            Unavailable: it is gone, or may not be read.
        """
        self._file, self._path = ExpandedFile(path, digests), path
        self._most = max_bytes
        self._page = page
        self._lines: list[Line] | None = None
        self.is_short = False
        """Whether it has fewer pages than were read before."""
        self.signature = self._file.signature

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def digest(self) -> bytes:
        """The digest of the file as it is stored, once it was read."""
        return self._file.digest

    def pass_over(self, prefix: int) -> bool:
        """Pass over the pages that were read before; tell whether they are what they were.

        Raises:
            Unavailable: the file cannot be read.
        """
        if not self._page:
            return True
        passed, self._lines = self._pages()[: self._page], self._pages()[self._page :]
        self.is_short = len(passed) < self._page
        return not self.is_short and passed[-1].complete and passed[-1].prefix == prefix

    def read_lines(self, size_hint: int = 0) -> list[Line]:  # noqa: ARG002 -- as readers of lines
        """Read all pages that are left; none is the end.

        Raises:
            Unavailable: the file cannot be read.
        """
        found, self._lines = self._pages(), []
        return found

    def _pages(self) -> list[Line]:
        """Return the pages that were not given out; an error stands for a file that has none.

        Raises:
            Unavailable: the file cannot be read.
        """
        if self._lines is None:
            try:
                pages = pages_in(self._file.read_whole(self._most))
            except BadInput as error:
                self._give_up(error)
            except MemoryError:
                fault = blame_page(self._file.size, str(self._path))
                if isinstance(fault, Unavailable):
                    raise fault from None
                self._give_up(fault)
            else:
                self._lines, digest = [], xxh3_64()
                for number, page in enumerate(pages, 1):
                    digest.update(page)
                    whole = number < len(pages) or is_json(page)
                    seen = digest.intdigest()
                    self._lines.append(Line(number, 0, (page,), None, complete=whole, prefix=seen))
        return self._lines or []

    def _give_up(self, error: BadInput) -> None:
        """Have no pages but an error.

        Raises:
            Unavailable: the file cannot be read.
        """
        self._file.finish()
        self._lines = [Line(self._page + 1, 0, (), error, complete=False)]
