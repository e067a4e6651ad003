"""The phases of a migration: one file each, with one public function.

Each may be called again at any time.
"""
