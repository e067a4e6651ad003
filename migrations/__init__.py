"""The migrations of this project, one file each."""
