"""What use is charged with: price lists, and what line items of a bill are about.

``price_list`` says what a price is of, and lays one list over another. ``published_list`` reads the
list that is published with genai-prices (an extra); ``own_prices`` reads a ``prices.toml``, and
``checks`` says what is wrong in it. ``choice`` makes the list that somebody asks for.
``line_items`` has what the line items of costs mean.
"""
