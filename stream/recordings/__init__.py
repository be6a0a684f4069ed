"""Pages made, turned from one form into the other, and checked.

``pull`` asks the API for them, once. ``generate`` writes pages that nobody recorded, and the
figures that must come out of them; ``synth`` is what they are drawn from, and imports nothing of
the code that it judges. ``convert`` turns fixtures into a capture and back, and ``verify`` sees
that a directory of fixtures can be shared. ``twin`` makes pages when they are asked for: a server
that answers as the API does.
"""
