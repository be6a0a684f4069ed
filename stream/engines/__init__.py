"""Engines that run the same rules on many machines; what they share, and an adapter for each.

A line of a capture is read and cut (:mod:`~stream.engines.flink.lines`), each part takes what is its own
(:mod:`~stream.engines.flink.parts`) and says what it comes to (:mod:`~stream.engines.flink.facts`). The engine
moves bytes between them, keeps them safe, and sums. What it has written
(:mod:`~stream.engines.flink.output`) is put into figures (:mod:`~stream.engines.flink.sums`), and becomes the
report (:mod:`~stream.engines.flink.report`).
"""
