"""What runs in the child process, beside a student's code: it answers calls and judges nothing.

The folder is loaded under a name of its own (see `mlp.check.process`), so it imports the standard
library, NumPy and its own modules only.
"""
