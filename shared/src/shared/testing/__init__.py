"""What tests of the services stand on: real servers, real migrations, real processes, an injected clock.

Not imported by any service; the pytest plugin is `shared.testing.plugin`.
"""
