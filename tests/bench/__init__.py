"""The measured comparisons: `make bench`.

Every claim is a ratio between acts that took turns on one server in one run. A time by itself is a
gate only where it is a budget for waits, and then with the noise of the same run added.
"""
