"""DNS checks: a name server answers, with what is expected of it."""

import asyncio

from probes.adapters.checks.connection import CheckFailed, Exchange, too_slow
from probes.adapters.checks.dns_lookup import EVERYWHERE, Answer, canonical, look_up, system_name_servers
from probes.adapters.checks.finding import Finding
from probes.application.checks.network import DnsCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

_MEANINGS = {
    "SERVFAIL": "it failed to find the answer",
    "NXDOMAIN": "the name does not exist",
    "REFUSED": "it does not answer such questions",
}


class DnsChecks:
    """Executes DNS checks. A resolver that a check names goes through the guard; the machine's own does not."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    async def check(self, configuration: DnsCheck, seconds: float) -> Finding:
        """Asks until there is an answer, and compares it. Never raises for what a target does."""
        guard = self._guard if configuration.resolver else EVERYWHERE
        exchange = Exchange(configuration.resolver or "", configuration.resolver_port, guard)
        answer = Answer(
            configuration.name, configuration.record_type, guard=None if configuration.resolver else self._guard
        )
        try:
            try:
                async with asyncio.timeout(seconds):
                    if configuration.resolver:
                        servers = [address for _, address in await exchange.resolve()]
                    else:
                        servers = system_name_servers()
                    port = configuration.resolver_port if configuration.resolver else 53
                    await look_up(answer, servers, port, exchange, guard=guard, seconds=seconds)
            except TimeoutError:
                raise too_slow(seconds, exchange.phase) from None
            _compare(configuration, answer)
        except CheckFailed as trouble:
            answer.error = trouble.detail
            failure = exchange.failure(trouble, address=configuration.address, dns=[answer.document()])
            return Finding(Outcome.BAD, None, exchange.timings, exchange.remote_address, failure)
        exchange.timings.total = exchange.elapsed()
        return Finding(Outcome.GOOD, None, exchange.timings, exchange.remote_address)


def _compare(configuration: DnsCheck, answer: Answer) -> None:
    code = answer.response_code or ""
    if code != configuration.response_code:
        meaning = f": {_MEANINGS[code]}" if code in _MEANINGS else ""
        raise CheckFailed(
            Reason.ANSWER, f"The name server answered {code}, not {configuration.response_code}{meaning}."
        )
    if code != "NOERROR":
        return
    if not answer.values:
        raise CheckFailed(Reason.CONTENT, f"The name has no {answer.record_type} record.")
    kind = configuration.record_type
    found = {canonical(kind, value): value for value in answer.values}
    expected = {canonical(kind, value): value for value in configuration.values}
    missing = [value for key, value in expected.items() if key not in found]
    surplus = [value for key, value in found.items() if key not in expected]
    if not expected or configuration.values_match == "subset":
        surplus = []
    wrong = [f"{value} is missing" for value in missing] + [f"{answer.shown(value)} is there too" for value in surplus]
    if wrong:
        raise CheckFailed(Reason.CONTENT, f"The answer differs: {', '.join(wrong)}.")
