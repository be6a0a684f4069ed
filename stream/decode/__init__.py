"""BucketPage bytes in, typed columns out: pure, no I/O.

:mod:`~stream.decode.pages` is the hot path, for pages that look as today's schema says.
:mod:`~stream.decode.careful` takes every other page: older shapes, unknown fields, and whatever is
wrong, which it names by its JSON path. :mod:`~stream.decode.lists` reads the lists of objects.
"""

from stream.decode.lists import Element, ListPage, decode_list
from stream.decode.page import BucketPage, Rejected
from stream.decode.pages import Decoder, Known, Mine, everything, nothing_known, owned

__all__ = [
    "BucketPage",
    "Decoder",
    "Element",
    "Known",
    "ListPage",
    "Mine",
    "Rejected",
    "decode_list",
    "everything",
    "nothing_known",
    "owned",
]
