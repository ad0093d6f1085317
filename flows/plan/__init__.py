"""From a category, a method and a scale to every configuration of a run."""
