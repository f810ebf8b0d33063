"""Payments for AI agents: tools that hold a person's limits, whatever a model says. See docs/agents.md.

tools     the tools, as plain typed functions      wording   what they say
grants    what a person allows                     spending  every guard, in its order
purse     what was asked for, on the disk          consents  a person's yes, on a page
fallback  Daraja, asked while the server is down   assembly  putting it together
mcp, adk  registration: each needs its extra; nothing else here imports them
"""
