"""CPU per HTTPS check, ours over the whole path beside a bare probe of blackbox_exporter, in one run; prints JSON.

    python services/probes/benchmarks/beside_blackbox.py [--rate 25] [--seconds 30]

Both look at the same page of the same nginx at the same rate, one after the other. Ours schedules, queues, checks,
evaluates, stores and keeps states; the exporter only probes. Its binary is prometheus-blackbox-exporter (a Debian
package); when it is not on the machine the answer says so and tells our figure alone.
"""

import argparse
import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from target_site import TargetSite, target_site
from whole_path import measured

BINARY = "prometheus-blackbox-exporter"
_MODULES = """
modules:
  page:
    prober: http
    timeout: 10s
    http:
      preferred_ip_protocol: ip4
      tls_config:
        ca_file: {ca_file}
"""


async def probe_with_blackbox(binary: str, site: TargetSite, rate: int, seconds: int) -> dict[str, Any]:
    """CPU of the exporter per probe, at `rate` probes a second."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        configuration = Path(folder) / "blackbox.yml"
        configuration.write_text(_MODULES.format(ca_file=site.ca_file))
        found.close()
        process = subprocess.Popen(  # noqa: ASYNC220
            [binary, f"--config.file={configuration}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=15) as client:
                await _answers(client)
                return await _probe(client, psutil.Process(process.pid), site, rate, seconds)
        finally:
            process.terminate()
            process.wait(10)


async def _answers(client: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            (await client.get("/-/healthy")).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _probe(
    client: httpx.AsyncClient, process: psutil.Process, site: TargetSite, rate: int, seconds: int
) -> dict[str, Any]:
    async def once() -> bool:
        answer = await client.get("/probe", params={"target": site.secure_url + "/", "module": "page"})
        return "\nprobe_success 1" in answer.text

    before, began = process.cpu_times(), time.monotonic()
    running = []
    for number in range(rate * seconds):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        running.append(asyncio.create_task(once()))
    good = sum(await asyncio.gather(*running))
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return {
        "probes": len(running),
        "successful": good,
        "cpu_ms_per_probe": round(1000 * used / len(running), 3),
        "rss_mib": round(process.memory_info().rss / 2**20, 1),
    }


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=25, help="checks a second")
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    binary = shutil.which(BINARY)
    with target_site() as site:
        scenario = argparse.Namespace(
            monitors=arguments.rate * 4,
            interval=4,
            seconds=arguments.seconds,
            outages=0,
            secure=True,
            restart=False,
            runner_apart=False,
        )
        ours = measured(scenario, site)
        theirs = asyncio.run(probe_with_blackbox(binary, site, arguments.rate, arguments.seconds)) if binary else None
    found: dict[str, Any] = {"ours_whole_path": ours, "blackbox_bare_probe": theirs}
    if theirs is None:
        found["note"] = f"{BINARY} is not on this machine: nothing to compare with"
    else:
        ratio = ours["cpu_ms_per_check_ours_whole_path"] / theirs["cpu_ms_per_probe"]
        found["ours_by_theirs"] = round(ratio, 2)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
