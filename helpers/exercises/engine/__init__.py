"""How a question asks, checks, diagnoses and remembers; no question is named here.

`question` is what units are written in; it uses `judge` (what is right, and if not, what is wrong), `run` (the
learner's code, contained), `models` (what a Keras model is and does), `feedback` (the card) and `progress`.
"""
