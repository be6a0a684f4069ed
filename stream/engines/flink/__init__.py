"""A job on Apache Flink: the engine moves bytes, keeps them safe, and sums.

``job`` is what is asked for, ``submit`` hands it to Flink's own client, with the ports for Python
on ``loopback``, and ``operators``, which alone imports pyflink, runs there. A line of a capture is
read and cut (``lines``), each part takes what is its own (``parts``), says what it comes to
(``facts``, of the ``kinds`` that figures are made of), and SQL sums that (``tables``). What was
written (``output``) is put into figures (``sums``), and becomes the report (``report``). All but
the operators are tested without Flink.
"""
