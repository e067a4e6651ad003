"""What a backup is made of: its files, and the trial that tells whether it is one."""
