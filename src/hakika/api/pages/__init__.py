"""The pages: where payers pay, where links lead, and the till of a shop's staff."""
