"""How the live API is asked: one query, one page of it, and what came back.

``query`` is what is asked for, ``answers`` reads what came: a page, or a refusal that ``refusals``
puts into a kind and into words. ``asking`` puts the rest together: a turn of the account's
``budget``, a request over a transport, an answer. ``http`` is that transport, with the ``key``;
``backoff`` says how long to wait after a refusal, and ``access`` finds out what a key may read.
"""
