"""The callback URL's host resolves, to an address that the internet reaches."""

from hakika.doctor.check import Area, Check, Finding, Outcome
from hakika.doctor.front import bar, is_simulated, tell_arrivals
from hakika.doctor.ground import Ground
from hakika.doctor.looking import count_things
from hakika.doctor.visit import explain, host_of
from hakika.engine.webhooks.addresses import name_kind
from hakika.hosts import is_public


async def look(ground: Ground) -> list[Finding]:
    """The name, and all its addresses as this machine's DNS has them."""
    barred = bar(ground)
    if barred is not None:
        return [barred]
    host, port = host_of(ground.callback_origin)
    if is_simulated(ground) and not ground.callback_origin.startswith("https://"):
        return [Finding(Outcome.SKIPPED, f"{host} is reached by the simulator, which is on this machine.")]
    if not is_public(host):
        return [Finding(Outcome.FAILED, f"{host} is a name or an address that the internet does not have.")]
    try:
        addresses = await ground.look_up(host, port)
    except (OSError, UnicodeError) as error:
        evidence = f"{host} has no address: {explain(error)}."
        return [Finding(Outcome.FAILED, evidence, "Make an A record for it, or correct CALLBACK_BASE_URL.")]
    kinds = {address: name_kind(address) for address in addresses}
    inner = [f"{address} is {kind}" for address, kind in kinds.items() if kind]
    if not inner:
        return [Finding(Outcome.OK, f"{host} is {', '.join(addresses[:4])}.")]
    return [await _judge_inner(ground, host, inner)]


async def _judge_inner(ground: Ground, host: str, inner: list[str]) -> Finding:
    """An address inside may be this machine's view alone: names may mean another thing here than outside."""
    evidence = f"{host}: {', '.join(inner[:4])}, which the internet does not reach."
    arrivals = await tell_arrivals(ground)
    if arrivals is not None and arrivals[1]:
        came = count_things(arrivals[1], "prompt")
        evidence += f" Yet {came} of the last day were called back: outside, the name seems to lead elsewhere."
        return Finding(Outcome.WARNING, evidence, "If this network's own DNS answers so on purpose, nothing.")
    return Finding(Outcome.FAILED, evidence)


CHECK = Check(
    name="callback-url.address",
    area=Area.CALLBACK_URL,
    title="The callback URL's name resolves, to a public address",
    meaning=(
        "Safaricom cannot find the server, or looks for it in its own network: no result arrives. Payments still end, "
        "by queries, later and without receipt numbers. DNS is asked from here; outside it may say something else."
    ),
    cure="Point the name's A record at the server's (or the proxy's, or the tunnel's) public address.",
    look=look,
)
