"""A run and its files.

run         the run itself: open, lock, resume or begin, train, write
directory   the run directory and its lock, config.json;  record: run.json
listener    who is told how a run goes on
checkpoint  whole states on disk;  resume: what is gone on from
environment what the last bits depend on
ranks       what rank 0 of an MPI job tells the others;  signals: what asks a run to stop
report      report.html;  sweep: runs compared;  pages: what both pages are made of
"""
