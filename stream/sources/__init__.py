"""Where pages come from: each source looks, emits what is news, and says when to look again.

``source`` is what every source offers: it is built from the positions that state has of its parts,
and emits deliveries. ``channel`` is where they go.

- ``directory`` is a directory with those below it, or one file, looked at once or again (``watch``
  says when, and ``settling`` for files that are still written to);
- what stands there ``discovery`` finds: the ``tree`` of files, by their ``names``, or else by what
  their start says (``recognition``);
- ``fixtures`` are pages in files of their own (``files``), in the chains that their names say;
- ``captures`` are files of many pages, a page a line (``capture_pages``): bytes are expanded
  (``expansion``, by ``compression``), cut into lines (``lines``), and taken out of their envelopes
  (``envelope``), which say what was asked (``request``; for pages without one ``queries`` reads the
  file beside them, and ``folder_views`` knows which); ``documents`` are files that are read as a
  whole, and ``contents`` knows the shapes that pages are saved in; ``capture_source`` reads them
  on, whatever their files are called by now, ``capture_parts`` knows where each was left, and
  ``capture_emission`` emits their lines, or those that start in a range (``capture_ranges`` cuts
  them for several processes, between the ``frames`` of packed ones);
- ``regular_files`` opens regular files alone, and tells whether one has changed; ``digests`` are
  taken of each on the way, and compared with a list beside it;
- ``pace`` replays fixtures in event time;
- ``api`` asks the live API, and keeps what it answers as captures.
"""
