"""The bytes of a page in, typed columns out: pure.

``pieces`` finds a page's buckets without decoding them, so that old news costs a digest. ``pages``
is the hot path, for pages that look as today's schema says (``wire`` has it as types), and whose
texts are ``known_texts`` mostly. ``careful`` takes every other page, by way of ``parse`` (the
outside of a page), ``rows`` (a row, field by field) and ``values`` (texts, counts, money, times):
older shapes, unknown fields, and whatever is wrong, named by its JSON path. ``foreign`` knows what
is no page, and says what it is instead; ``lists`` reads the lists of objects, and ``density``
bounds what a page may take of memory. What comes of it is a ``BucketPage`` or a ``ListPage``.
"""

from stream.decode.density import check_density
from stream.decode.page import BucketPage, Element, ListPage, Rejection
from stream.decode.pages import Decoder, KnownRows, ShareTest, count_all, keep_own, know_nothing

__all__ = [
    "BucketPage",
    "Decoder",
    "Element",
    "KnownRows",
    "ListPage",
    "Rejection",
    "ShareTest",
    "check_density",
    "count_all",
    "keep_own",
    "know_nothing",
]
