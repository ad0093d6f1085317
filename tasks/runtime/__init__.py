"""Where and how tasks run: devices, queues, retries, artifacts."""
