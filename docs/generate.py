"""Write into the docs what the code itself knows: the machine's table, its diagram, the codes, settings, commands.

The Python client's error classes are written from the server's, too: it imports nothing of the server's.

python docs/generate.py            rewrites what lies between `<!-- generated: name -->` and `<!-- end: name -->`
python docs/generate.py --check    changes nothing; exits 1 and names the pages that are stale
"""

import difflib
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

from hakika.api.health import error_kinds
from hakika.api.metric_families import FAMILIES
from hakika.cli.examination import AREAS
from hakika.cli.listing import Listed, list_commands
from hakika.config import SAFARICOM_IPS, Settings
from hakika.daraja.codes import ALL_CODES, RESULT_CODES, Code, look_up
from hakika.doctor.check import Area, Check
from hakika.doctor.document import anchor_of
from hakika.doctor.going_live import STEPS
from hakika.doctor.registry import CHECKS
from hakika.domain import wording
from hakika.domain.errors import HakikaError
from hakika.domain.payment import CANCELLING, DECLINED, EXPIRING, KNOWN_FINAL, SUCCESS, TRANSITIONS, Status
from hakika.engine.alerts.rule import Rule
from hakika.engine.alerts.rulebook import RULES
from hakika.engine.explaining.causes import BESIDE, QUIET, TROUBLES
from hakika.engine.explaining.pains import PAINS, Cause
from hakika.engine.messages.apprise_urls import SERVICES
from hakika.serving.settings import docs as setting_docs
from hakika.serving.settings import names_of, show_value

HERE = Path(__file__).parent
CLIENT_CODES = HERE.parent / "src/hakika/client/codes.py"
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)

WHY = {
    Status.COMPLETED: "proof of the asked amount",
    Status.MISPAID: "proof of another amount",
    Status.REVERSED: "reversal of proven money",
    Status.UNRESOLVED: "given up, or the receipt is another's",
}
"""What brings a payment to each status that is no decline, whatever it was before."""

_CLASSES = {
    "success": "the money moved",
    "final": "no money moved; asking again is a new decision",
    "retry_after": "no money moved; the same request may pass after a while",
    "config": "no money moved, and none will until the set-up is corrected",
    "pending": "says nothing about the money",
}


def tabulate_transitions() -> str:
    """Make the table of which status may follow which: a row for each status now, a column for each next."""
    following = [status for status in Status if status is not Status.PENDING]
    rows = [["from \\ to", *(f"`{status}`" for status in following)]]
    rows += [
        [f"`{before}`", *("→" if after in TRANSITIONS[before] else "" for after in following)] for before in Status
    ]
    return _table(rows)


def draw_transitions() -> str:
    """Draw the table. The three declines stand in one box: an arrow at the box is an arrow at each."""
    inner = [(before, after) for before in _ordered(DECLINED) for after in _ordered(TRANSITIONS[before] & DECLINED)]
    outer = {
        (_boxed(before), _boxed(after)): "conclusive decline" if after in DECLINED else WHY[after]
        for before in Status
        for after in _ordered(TRANSITIONS[before])
        if (before, after) not in inner
    }
    lines = ["stateDiagram-v2", "    direction LR", "    [*] --> pending", "    state declined {"]
    lines += [f"        {before} --> {after}: an earlier decline" for before, after in inner]
    lines += ["    }", *(f"    {before} --> {after}: {why}" for (before, after), why in outer.items())]
    return "\n".join(["```mermaid", *lines, "```"])


def list_final_codes() -> str:
    """Make the closed list: every code that ends a payment without money, under the status that it brings."""
    rows = [["status", "codes"]]
    for status in (Status.CANCELLED, Status.EXPIRED, Status.FAILED):
        codes = sorted((code for code in KNOWN_FINAL if status_of(code) is status), key=_by_number)
        rows.append([f"`{status}`", ", ".join(f"`{code}`" for code in codes)])
    return _table(rows)


def explain_classes() -> str:
    """Make the table of what each class of codes means for the money."""
    return _table([["class", "means"], *([f"`{name}`", meaning] for name, meaning in _CLASSES.items())])


def explain_results() -> str:
    """Make the table of result codes, in the order of their numbers."""
    return _explain(sorted(RESULT_CODES.values(), key=lambda code: _by_number(code.code)))


def explain_others() -> str:
    """Make the table of API error codes and of our own words."""
    others = [code for name, code in ALL_CODES.items() if name not in RESULT_CODES]
    return _explain(sorted(others, key=lambda code: _by_number(code.code)))


def explain_settings() -> str:
    """Make the table of settings, in the order of the model."""
    rows = [["in the environment", "default", "what it is"]]
    for name, field in Settings.model_fields.items():
        names = " or ".join(f"`{known}`" for known in names_of(field))
        default = show_value(field, field.get_default(call_default_factory=True))
        rows.append([names, f"`{default}`" if default else "–", setting_docs()[name]])
    return _table(rows)


def explain_metrics() -> str:
    """Make the table of metrics: what each is, its labels, and whose it is."""
    rows = [["metric", "kind", "labels", "whose", "what it is"]]
    for name, family in FAMILIES.items():
        labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
        whose = "all nodes" if family.everywhere else "this process"
        rows.append([f"`{name}`", str(family.kind), labels, whose, family.text])
    return _table(rows)


def explain_commands() -> str:
    """Make a section for each command: what it does, its examples, its options."""
    return "\n\n".join(_explain_command(listed) for listed in list_commands())


def _explain_command(listed: Listed) -> str:
    rows = [["argument or option", "default", "what it is"]]
    for option in listed.options:
        names = ", ".join(f"`{name}`" for name in option.names)
        default = f"`{option.default}`" if option.default else "needed" if option.required else "–"
        rows.append([names, default, option.help])
    examples = "\n".join(["```sh", *listed.examples, "```"])
    return "\n\n".join([f"## `hakika {listed.name}`", listed.summary, examples, *listed.more, _table(rows)])


def explain_errors() -> str:
    """Make a section for every error: what happened, what it means for the money, what to do."""
    sections = []
    for kind in sorted(error_kinds(), key=lambda kind: (kind.http_status, kind.code)):
        meaning = " ".join((kind.__doc__ or "").split())
        status = "stops the start" if kind.code == "setting" else f"HTTP {kind.http_status}"
        sections.append(
            f"### `{kind.code}`\n\n{kind.title} ({status}). {meaning}\n\n"
            f"- The money: {kind.money}\n- What to do: {kind.cure}"
        )
    return "\n\n".join(sections)


def tabulate_pains() -> str:
    """Make the table of pains: how Hakika shows each, which checks look into it, and the cure."""
    rows = [["#", "the pain", "how Hakika shows it", "look with", "the cure"]]
    for cause in (*PAINS, *BESIDE):
        checks = ", ".join(f"[`{check}`](checks.md#{anchor_of(check)})" for check in cause.checks) or "–"
        title = f"[{cause.title}](#{cause.name})"
        rows.append([str(cause.pain or "+"), title, cause.shown, checks, cause.cure])
    return _table(rows)


def explain_causes() -> str:
    """Make a section for every cause: what it comes from, what it means for the money, what to do."""
    return "\n\n".join(_explain_cause(cause) for cause in (*TROUBLES, *QUIET))


def _explain_cause(cause: Cause) -> str:
    lines = [f"- Shown by: {cause.shown}.", f"- Why: {cause.why}", f"- The money: {cause.money}"]
    lines.append(f"- What to do: {cause.cure or 'What the code advises: [result-codes.md](result-codes.md).'}")
    if cause.codes:
        lines.append(f"- Codes: {', '.join(f'`{code}`' for code in cause.codes)}.")
    if cause.checks:
        lines.append(f"- Look with: `hakika doctor {' '.join(cause.checks)}`")
    return "\n".join([f"### {cause.name}", "", f"**{cause.title}**", "", *lines])


def tabulate_steps() -> str:
    """Make the table of the steps to going live: what the doctor sees of each."""
    rows = [["", "step", "what the doctor sees"]]
    for number, step in enumerate(STEPS, 1):
        seen = [f"[`{check}`](checks.md#{anchor_of(check)})" for check in step.checks]
        seen += ["the rest is yours"] if seen and step.by_hand else []
        rows.append([str(number), f"[{step.title}](#{step.name})", ", ".join(seen) or "nothing: it is yours"])
    return _table(rows)


def tabulate_fields() -> str:
    """Make the table of the fields of messages' texts."""
    return _table([["field", "is"], *([f"`{{{name}}}`", words] for name, words in wording.FIELDS.items())])


def tabulate_texts() -> str:
    """Make the table of the texts of messages as they are shipped."""
    rows = [["type", "English", "Swahili"]]
    rows += [[f"`{name}`", f"`{texts['en']}`", f"`{texts['sw']}`"] for name, texts in wording.SHIPPED.items()]
    return _table(rows)


def list_addresses() -> str:
    """List the addresses that callbacks come from."""
    return "\n".join(["```", *SAFARICOM_IPS.split(","), "```"])


def explain_checks() -> str:
    """Make a section for every check of the doctor, under its area."""
    sections = []
    for area in Area:
        here = [check for check in CHECKS if check.area is area]
        sections += [f"## {AREAS[area]}", *(_explain_check(check) for check in here)] if here else []
    return "\n\n".join(sections)


def _explain_check(check: Check) -> str:
    looks = " ".join((sys.modules[check.look.__module__].__doc__ or "").split())
    runs = f"`hakika doctor {check.name}`"
    if check.live:
        runs += ", which asks the running server: without one it is skipped"
    if check.asked:
        runs += "; otherwise only with `--callback`"
    if check.going_live:
        runs += "; otherwise only with `--going-live`"
    lines = [f"- Looks: {looks}", f"- If not, the money: {check.meaning}", f"- What to do: {check.cure}"]
    return "\n".join([f"### {check.name}", "", f"{check.title}.", "", *lines, f"- Run: {runs}."])


def list_errors() -> str:
    """Make the table of error codes by HTTP status."""
    codes: dict[int, list[str]] = {}
    for kind in error_kinds():
        codes.setdefault(kind.http_status, []).append(f"[`{kind.code}`](errors.md#{kind.code})")
    return _table([["status", "codes"], *([str(status), ", ".join(codes[status])] for status in sorted(codes))])


def write_client_codes() -> str:
    """Make the module of the client's error classes: the tree of those that the API answers with, a class for each."""
    public = set(error_kinds())
    kinds = [kind for kind in _tree(HakikaError) if public & set(_tree(kind)) and kind is not HakikaError]
    head = '''"""The API's errors, one class for each code. Written by docs/generate.py from the server's own tree."""

from hakika.client.errors import HakikaError
'''
    names = "".join(f'    "{name}",\n' for name in sorted(kind.__name__ for kind in kinds))
    classes = "\n\n".join(_write_class(kind, coded=kind in public) for kind in kinds)
    coded = sorted(public & set(kinds), key=lambda kind: kind.code)
    table = "".join(f'    "{kind.code}": {kind.__name__},\n' for kind in coded)
    table = f"BY_CODE: dict[str, type[HakikaError]] = {{\n{table}}}\n"
    return f"{head}\n__all__ = [\n{names}]\n\n\n{classes}\n\n{table}"


def _tree(root: type[HakikaError]) -> list[type[HakikaError]]:
    return [root, *(kind for below in root.__subclasses__() for kind in _tree(below))]


def _write_class(kind: type[HakikaError], *, coded: bool) -> str:
    told = " ".join((kind.__doc__ or kind.title).split())
    lines = textwrap.wrap(told, 110)
    doc = f'    """{lines[0]}"""' if len(lines) == 1 else "\n    ".join(['    """' + lines[0], *lines[1:], '"""'])
    base = next(base for base in kind.__bases__ if issubclass(base, HakikaError))
    body = f'\n\n    code = "{kind.code}"\n    usual_status = {kind.http_status}' if coded else ""
    return f"class {kind.__name__}({base.__name__}):\n{doc}{body}\n"


def status_of(code: str) -> Status:
    """Name the status that a result code alone brings: pending where it proves and declines nothing."""
    if code == SUCCESS:
        return Status.COMPLETED
    if code not in KNOWN_FINAL:
        return Status.PENDING
    if code in CANCELLING:
        return Status.CANCELLED
    return Status.EXPIRED if code in EXPIRING else Status.FAILED


def explain_rules() -> str:
    """Make a section for each alert rule: what holds, what it means for the money, what to do, its thresholds."""
    return "\n\n".join(_explain_rule(rule) for rule in RULES.values())


def _explain_rule(rule: Rule) -> str:
    rows = [["threshold", "shipped", "from", "to", "what it is"]]
    for name, threshold in rule.thresholds.items():
        bounds = [f"{number:,}" for number in (threshold.default, threshold.least, threshold.most)]
        rows.append([f"`{name}`", *bounds, threshold.text])
    about = f"one alert for each {rule.subjects}" if rule.subjects else "one alert"
    told = [f"- The money: {rule.meaning}", f"- First: {rule.cure} See `{rule.hint}`."]
    if rule.covered_by:
        told.append(f"- Not said while these say it: {', '.join(f'`{name}`' for name in rule.covered_by)}.")
    head = f"### `{rule.name}`\n\n{rule.title} ({rule.severity}; {about})."
    return "\n\n".join([head, "\n".join(told), *([_table(rows)] if rule.thresholds else [])])


def list_services() -> str:
    """Make the table of services that tell people."""
    return _table([["begins with", "is"], *([f"`{scheme}://`", what] for scheme, what in SERVICES.items())])


def show_adoption() -> str:
    """Show what adopting us changed in the service of examples/retail."""
    was, is_now = (f"examples/retail/{version}/orders.py" for version in ("before", "after"))
    before, after = ((HERE.parent / file).read_text(encoding="utf-8").splitlines() for file in (was, is_now))
    return "\n".join(["```diff", *difflib.unified_diff(before, after, was, is_now, lineterm=""), "```"])


BLOCKS: dict[str, Callable[[], str]] = {
    "adoption": show_adoption,
    "transitions": tabulate_transitions,
    "diagram": draw_transitions,
    "final-codes": list_final_codes,
    "code-classes": explain_classes,
    "result-codes": explain_results,
    "other-codes": explain_others,
    "errors": explain_errors,
    "error-list": list_errors,
    "checks": explain_checks,
    "pains": tabulate_pains,
    "causes": explain_causes,
    "steps": tabulate_steps,
    "addresses": list_addresses,
    "settings": explain_settings,
    "commands": explain_commands,
    "message-fields": tabulate_fields,
    "message-texts": tabulate_texts,
    "metrics": explain_metrics,
    "alert-rules": explain_rules,
    "alert-services": list_services,
}


def regenerate(page: str) -> str:
    """Give the page with each marked block written anew."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block['name']]()}\n\n{block[3]}", page)


def find_stale() -> Iterable[tuple[Path, str]]:
    """Give each page that is not what the code says, and what it should be."""
    for path in sorted(HERE.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        fresh = regenerate(page)
        if fresh != page:
            yield path, fresh
    if (fresh := write_client_codes()) != (CLIENT_CODES.read_text("utf-8") if CLIENT_CODES.exists() else ""):
        yield CLIENT_CODES, fresh


def main(arguments: list[str]) -> int:
    """Rewrite the stale pages, or with --check only name them."""
    stale = list(find_stale())
    for path, fresh in stale:
        print(f"{path.relative_to(HERE.parent)}: {'stale' if '--check' in arguments else 'rewritten'}")
        if "--check" not in arguments:
            path.write_text(fresh, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


def _explain(codes: Iterable[Code]) -> str:
    rows = [["code", "class", "alone leads to", "the payer reads", "in Swahili", "for the developer"]]
    for code in codes:
        assert look_up(code.code).kind is code.kind
        status = status_of(code.code) if code.code in RESULT_CODES else None
        wait = f" (wait {code.wait_s} s)" if code.wait_s else ""
        leads_to = f"`{status}`" if status else "–"
        rows.append([f"`{code.code}`", f"`{code.kind}`{wait}", leads_to, code.english, code.swahili, code.advice])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def _ordered(statuses: frozenset[Status]) -> list[Status]:
    return [status for status in Status if status in statuses]


def _boxed(status: Status) -> str:
    return "declined" if status in DECLINED else str(status)


def _by_number(code: str) -> tuple[bool, int, str]:
    return (not code.isdigit(), int(code) if code.isdigit() else 0, code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
