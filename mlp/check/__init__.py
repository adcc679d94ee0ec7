"""Reads a student's functions and tries them; standard library and NumPy only.

`source` reads the file, `definitions` finds what it defines, `kinds` what that is meant to be.
`scopes`, `usage` and `parameters` say what the code does with its functions and its weights.
`process` runs definitions in a process of their own (`child/`), `probes/` call the functions
there, `agreement` holds them against each other, `reading/` reads the training code. `words` says
what a mistake is, `show` and `records` present a `Report`.
"""
