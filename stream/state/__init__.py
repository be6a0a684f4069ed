"""What is kept: windows by chain and time, and everything that must move together with them.

``dedupe`` merges a bucket into a window and says what became of each row, pure. ``windows`` holds
the windows in use, and lets the others leave for the store; ``memory`` says what windows take and
how much they may, and ``machine`` how much there is. ``objects`` holds the lists of projects, users
and keys, and ``links`` what pages say of their walks, until the store has it. ``checkpoints`` says
when all of that is stored, and what has changed; ``sqlite`` is the store, and ``shards`` are those
of several workers. ``saved_state`` is what
it holds beside windows, and ``saved_series`` has the shapes in which series and days are kept.
"""
