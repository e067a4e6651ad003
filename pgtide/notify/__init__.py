"""What people are told of a run who do not sit before it: in Slack, by a webhook, in the log."""
