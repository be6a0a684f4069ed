"""Engines that run the same rules on many machines; what they share, and an adapter for each.

A line of a capture is read and cut (:mod:`~stream.engines.lines`), each part takes what is its own
(:mod:`~stream.engines.parts`) and says what it comes to (:mod:`~stream.engines.facts`). The engine
moves bytes between them, keeps them safe, and sums. What it has written
(:mod:`~stream.engines.output`) is put into figures (:mod:`~stream.engines.said`), and becomes the
report (:mod:`~stream.engines.reported`).
"""
