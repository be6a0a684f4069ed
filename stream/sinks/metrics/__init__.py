"""Every metric, by Prometheus' conventions, rendered from what was counted and measured.

``usage_stream_`` is the machine, ``openai_api_`` what it measured. What must not fall is shown as
the last checkpoint holds it, so that no counter goes back when a process dies.

``catalog`` declares the machine's metrics. ``status`` is how a daemon stands, and ``collectors``
makes families of that and of a run's counts, with each scrape. ``usage`` writes what was measured,
once for each checkpoint. ``exposition`` puts both together for who scrapes, and ``textfile`` writes
a run's metrics as a file.
"""
