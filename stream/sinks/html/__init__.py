"""Pages for people, of which each is one file.

``page`` writes a report as one: ``usage`` has what was used and billed, with the charts of
``periods`` and the ``tables`` of groups, ``wants`` what wants a look and what to do about it,
``money`` what use should have cost, and ``origins`` what was read. ``chart`` says how bars are
drawn, ``notation`` how numbers and times are written, ``names`` what projects are called, and
``templates`` loads what stands beside them as HTML; the daemon's page is made of these too.
"""
