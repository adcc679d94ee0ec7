"""What `benchmark.py` measures with: contestants in processes of their own, told when to run.

contestant    the process: trains when asked to and says how long that took
floor         a contestant: ours' matrix products alone
numpy_peer    a contestant: plain NumPy on whole arrays
process       the parent's end of it
rounds        interleaved rounds, fresh starts, ratios, the check that all do the same training
scaling       ranks of an MPI job, measured and modelled
growth        more rows and wider layers, and the exponents
recipes       time to an accuracy, and how the recipe was chosen
layout        Markdown tables and the bar chart
"""
