"""Alerts: what an operator is told before customers tell him.

rule        what a rule is, and what it sees
of_…        the rules, by what they are about; rulebook has them in one table, with what was changed about them
judging     all rules at once: what holds, and which one alert stands for many
lifecycle   one alert: opened once, repeated rarely, closed by itself
lookout     one node looks, every half minute
showing     an alert as people and programs see it; wording: as a message to a person
"""
