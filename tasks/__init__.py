"""How one stage runs: each task is a verb and adapts models to storage."""

import logging

# Prefect sends these loggers' records to its server (`logging.extra_loggers`), but leaves their level at WARNING.
for _name in ("models", "storage"):
    logging.getLogger(_name).setLevel(logging.INFO)
