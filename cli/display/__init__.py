"""What people see: progress while a command works, tables and sentences when it has."""
