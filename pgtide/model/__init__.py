"""Pure values: no connection, no clock, no file."""
