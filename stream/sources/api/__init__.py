"""How a provider's API is asked, and for what: an account as a source.

``source`` asks for what is due, and knows how everything stands: ``schedule`` says what is due, by
the ``progress`` of each endpoint and list, whose settled ``ranges`` are not asked for again;
``projects`` says which of them have lists of their own.
``walks`` go from page to page; each is kept in the ``journal``, after ``masks``. ``asking`` takes
a turn of the account's ``budget`` and sends a ``query`` over ``http``, with the ``key``;
``answers`` tells a page from what is none, and of that ``refusals`` says what it is and what to do;
``backoff`` says how long to wait. ``access`` finds out what a key may read.
"""
