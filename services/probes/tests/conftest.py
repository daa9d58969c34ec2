"""What every test of probes runs with."""

import os

os.environ.setdefault("PROBES_SECRET_KEY", "the key of the service in tests, sixty-four hexadecimal digits")
