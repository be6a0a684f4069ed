"""The consumer's side of the channel: what a delivery says, and what became of it.

``intake`` takes one delivery after another, and is put together from parts that do one thing each:

- ``page_counter`` counts a page into state, and sets aside what is bad in it;
- ``reading`` reads a page: its buckets or objects, and its link to the next (pure);
- ``account`` has an entry for each part: position, digest, what it brought;
- ``former`` tells the chains that no part is of any more, since it was read under another view;
- ``walks`` judges a walk by its links (pure), and ``standing`` knows which walks are not whole;
- ``changes`` names figures that fell in a page that has changed;
- ``letters`` makes dead letters of what cannot be counted, and ``retries`` has parts read again.
- ``retention`` lets windows that are old fold, and what belongs to them go;
- ``stored_intake`` opens a state file to see what it has taken in, and takes nothing.

``rules`` are the choices of whoever runs it.
Buckets go to ``stream.state``, which says what became of each row.
"""
