"""`python -m reporting api|worker|all|migrate|openapi|…`."""

from reporting.main import SERVICE
from shared.service import service_cli

raise SystemExit(service_cli(SERVICE))
