"""The scenarios: what goes wrong between a shop and M-Pesa, each played against a real server and checked.

`table` lists them; `scene` is what each acts with; `run` plays them and knows none by name.
"""
