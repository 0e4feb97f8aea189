"""A space of up to 100,000 listeners on paper: the program's own tree, a clock that only jumps.

What is drawn and what is left out stands in `people` and `listener`.
"""
