"""What stands and serves: a Prefect server with its UI, and the process that runs what is asked.

One process owns both, and whatever ends it, SIGKILL included, ends them. What it has started is in
a record, so that another command can stop it, and the next start clears up after one that was
killed.
"""
