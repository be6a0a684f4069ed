"""``make demo``: everything at once on this machine, without a key, for whoever wants to look.

``__main__`` runs a twin of the API, a daemon that asks it, and Prometheus, and stops them again;
``programs`` starts and stops one program.
"""
