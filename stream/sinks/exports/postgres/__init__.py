"""Records in PostgreSQL: tables that are brought up to date, in one transaction each time.

``export`` is what somebody asks for, and ``transfer`` does it. ``spans`` tells which days have
changed since they were sent, ``lines`` writes records as PostgreSQL's COPY reads them, ``layout``
has the tables and views, ``statements`` brings them up to date. ``database`` alone speaks to
PostgreSQL.
"""
