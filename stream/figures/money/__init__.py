"""What use should have cost, and how that compares with what was billed; pure, exact figures.

``quantities`` says how much of each kind was used, no unit twice; ``estimates`` puts prices on it,
and ``sums`` adds that up, ``group_estimates`` by what people ask for. ``bills`` compares it with
costs, day by day, project by project and line by line, in ``rows``; ``reasons`` says what explains
a difference. ``billing`` goes through a history some days at a time, and has what the report says
of all of it.

For who looks on for months: ``estimated_series`` is what Prometheus is shown of estimates;
``day_money`` has what days came to in money, ``months`` those of this month and the one before,
and ``budgets`` judges by them how budgets stand (``standings``).
"""
