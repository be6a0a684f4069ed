"""Where pages come from: each source looks, emits what is news, and says when to look again.

``source`` is what every source offers: it is built from the positions that state has of its parts,
and emits deliveries. ``channel`` is where they go.

- ``directory`` is a directory, or one capture, looked at once or again (``watch`` says when, and
  ``settling`` for files that are still written to);
- ``fixtures`` are the pages in it (``files``), of the chains that ``discovery`` finds by name;
- ``captures`` are its captures, a page a line: bytes are expanded (``expansion``), cut into lines
  (``lines``), and taken out of their envelopes (``envelope``), which say what was asked
  (``request``); ``capture_source`` reads them on, whatever their files are called by now,
  ``capture_parts`` knows where each was left, and ``capture_emission`` emits their lines;
- ``pace`` replays fixtures in event time.
"""
