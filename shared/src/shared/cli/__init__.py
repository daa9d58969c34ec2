"""The command line `upheld`: operators and scripts talk to the APIs, and where a service is installed, to its commands.

Nothing here imports a service. httpx and rich are imported where they are first needed: `upheld --help` and completion
start in a fraction of a second.
"""
