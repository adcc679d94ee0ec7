"""Reads a student's functions and tries them; standard library and NumPy only.

`source` reads the file, `definitions` finds what it defines, `process` runs that in a process of
its own (`child/`), `probes/` call the functions there, `reading/` reads the training code, `words`
says what a mistake is, `show` and `records` present a `Report`.
"""
