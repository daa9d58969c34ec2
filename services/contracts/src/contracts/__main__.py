"""The command line of contracts: `python -m contracts api|worker|all|migrate|bootstrap|tenant|signing-keys|…`."""

import gc

gc.disable()  # while we import: nothing of that is garbage, and to look for some takes a third of the start

from contracts.main import SERVICE  # noqa: E402
from shared.service import service_cli  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(service_cli(SERVICE))
