from incidents.main import SERVICE
from shared.service import service_cli

raise SystemExit(service_cli(SERVICE))
