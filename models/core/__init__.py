"""What every other part stands on: configuration, errors, schedules, weights, precision, the category."""
