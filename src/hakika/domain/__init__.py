"""The theory of a payment: pure, with no clock, no randomness and no input or output.

`evidence` is what anybody told us, `payment` what follows from it, `schedule` when to act next,
`budget` how often Daraja may be called, `events` what we publish, `errors` what can go wrong.
"""
