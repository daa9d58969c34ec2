"""The pytest plugin: see the stack task."""
