"""The base of all other rooms: configuration, errors, schedules, weights, precision, the category."""
