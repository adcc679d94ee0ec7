"""What `benchmark.py` measures with: contestants in processes of their own, told when to run.

bench         one call: its options, configurations and contestants
speed         epochs and starts of every contestant, and the ratios that sum them up
sameness      whether all do the same training, in float64, before anything is timed
contestant    the process of a contestant;  floor: one, ours' matrix products alone
link          its end of the pipe;  process: the parent's
rounds        interleaved rounds, fresh starts, who was not idle;  spread: ratios, and their noise
scaling       ranks of an MPI job and threads, measured;  job: what runs in one
model         of many more ranks and threads
growth        more rows and wider layers, and the exponents
recipes       what a recipe is, and how one is chosen;  accuracy: the time to the task's own
layout        Markdown tables;  chart: bars
"""
