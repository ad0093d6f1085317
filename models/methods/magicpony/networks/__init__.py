"""The networks of the category model: one file per part of the animal."""
