"""`python -m reporting api|worker|all|migrate|openapi|…`."""

import gc

gc.disable()  # while we import: nothing of that is garbage, and to look for some takes a third of the start

from reporting.main import SERVICE  # noqa: E402
from shared.service import service_cli  # noqa: E402

raise SystemExit(service_cli(SERVICE))
