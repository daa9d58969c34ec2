"""The command line of contracts: `python -m contracts api|worker|all|migrate|bootstrap|tenant|signing-keys|…`."""

from contracts.main import SERVICE
from shared.service import service_cli

if __name__ == "__main__":
    raise SystemExit(service_cli(SERVICE))
