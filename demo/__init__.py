"""The demo: its database, its two releases of an application, and its script."""
