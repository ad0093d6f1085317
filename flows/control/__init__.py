"""Growth of data sets, and schedules that survive a deploy."""
