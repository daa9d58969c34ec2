"""The whole product on one machine: embedded PostgreSQL and NATS, and the supervisor behind `make run`.

Nothing here runs in production. The servers are real and come from pinned wheels; the testing plugin starts them too.
"""
