"""What `benchmark.py` measures with: contestants in processes of their own, told when to run.

speed         epochs and starts of every contestant, and the ratios that sum them up
contestant    the process of a contestant;  floor: one, ours' matrix products alone
link          its end of the pipe;  process: the parent's
rounds        interleaved rounds, fresh starts, ratios, the check that all do the same training
scaling       ranks of an MPI job, measured;  model: of many more of them
growth        more rows and wider layers, and the exponents
recipes       time to an accuracy, and how the recipe was chosen
layout        Markdown tables and the bar chart
"""
