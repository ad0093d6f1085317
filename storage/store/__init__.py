"""Files, locks, caches and bundles: what every other room of storage is built on."""
