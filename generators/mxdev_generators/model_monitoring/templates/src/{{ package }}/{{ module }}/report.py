"""The report as one page of HTML: words, tables, and plots drawn as SVG. It loads nothing from anywhere."""

import time
from collections.abc import Sequence
from html import escape

from .checks import Compared, Found

# Plots of so many features: those that are farthest from the training data come first.
MOST_PLOTS = 24
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733; background: #fff; }
h1, h2, h3 { line-height: 1.2; } table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right; }
td:first-child, th:first-child { text-align: left; } tr { border-bottom: 1px solid #d7dde4; }
.alarm { background: #fdecea; border-left: 4px solid #b3261e; padding: .5rem 1rem; }
.calm { background: #e8f3ec; border-left: 4px solid #1e7b45; padding: .5rem 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-size: .85rem; } .found { color: #b3261e; font-weight: 600; }
.trained { fill: #9aa7b5; } .served { fill: #2f6fb0; }
"""


def html(
    endpoint: str,
    begin: float,
    end: float,
    unreadable: int,
    found: Sequence[Found],
    not_compared: dict[str, str],
) -> str:
    """The page.

    Args:
        endpoint: what is monitored.
        begin: from when, in seconds since 1970.
        end: until when.
        unreadable: lines of the log that are no requests.
        found: of each version that was compared.
        not_compared: why others were not, by version.
    """
    parts = [
        f"<h1>{escape(endpoint)}: served and trained</h1>",
        f"<p>Requests from {_when(begin)} to {_when(end)}.</p>",
    ]
    if not found and not not_compared:
        parts.append('<p class="calm">Nothing was asked.</p>')
    if unreadable:
        parts.append(f"<p>{unreadable} lines of the log are no requests to this model.</p>")
    for version, why in not_compared.items():
        parts.append(
            f'<h2>Version {escape(version)}</h2><p class="alarm">Not compared: {escape(why)}.</p>'
        )
    parts += [_version(one) for one in found]
    title = f"{escape(endpoint)}: monitoring"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds)) + " UTC"


def _version(found: Found) -> str:
    attack, feedback = found.attack, found.feedback
    alarms = found.alarms
    if alarms:
        items = "".join(f"<li>{escape(words)}</li>" for words in alarms)
        said = f'<div class="alarm"><b>Look at this:</b><ul>{items}</ul></div>'
    elif found.enough:
        said = '<p class="calm">What was served is like what was trained.</p>'
    else:
        said = f'<p class="calm">{found.rows} rows are too few to say anything of drift.</p>'
    numbers = {
        "Requests": f"{found.requests}",
        "Rows": f"{found.rows}",
        "Requests in the busiest minute (in the usual one)": f"{attack.busiest} ({attack.usual:g})",
        "Rows almost equal to another one": f"{attack.near:.1%}",
        "of which one that is so near got another answer": f"{attack.crossing:.1%}",
        "Rows far from all of the training data": f"{attack.far:.1%}",
        "Rows whose labels came back": f"{feedback.rows}",
        "Error by those labels (in training)": f"{feedback.error:.3g} ({feedback.trained:.3g})",
    }
    rows = "".join(
        f"<tr><td>{escape(key)}</td><td>{value}</td></tr>" for key, value in numbers.items()
    )
    ranked = sorted(found.inputs, key=lambda one: (not one.why, -one.distance))
    plots = "".join(_figure(one) for one in (*found.predictions, *ranked[:MOST_PLOTS]))
    lines = "".join(_line(one) for one in (*found.predictions, *ranked))
    return (
        f"<h2>Version {escape(found.version)}</h2>{said}<table>{rows}</table>"
        '<h3>Distributions</h3><p><svg width="12" height="12"><rect class="trained" width="12" height="12"/></svg> trained '
        '<svg width="12" height="12"><rect class="served" width="12" height="12"/></svg> served</p>'
        f'<div class="plots">{plots}</div>'
        "<h3>All features</h3><table><tr><th>feature</th><th>PSI</th><th>KS</th><th>missing</th><th>out of range</th>"
        f"<th>found</th></tr>{lines}</table>"
    )


def _line(one: Compared) -> str:
    why = f'<td class="found">{escape(", ".join(one.why))}</td>' if one.why else "<td></td>"
    return (
        f"<tr><td>{escape(one.name)}</td><td>{one.psi:.3f}</td><td>{one.distance:.3f}</td>"
        f"<td>{one.missing:.1%}</td><td>{one.out_of_range:.1%}</td>{why}</tr>"
    )


def _figure(one: Compared) -> str:
    """Two bars for each bin."""
    width, height = 240, 90
    most = max([*one.reference, *one.served, 1e-9])
    step = width / max(1, len(one.reference))
    bars = []
    for number, pair in enumerate(zip(one.reference, one.served, strict=True)):
        for place, (share, kind) in enumerate(zip(pair, ("trained", "served"), strict=True)):
            size = height * share / most
            bars.append(
                f'<rect class="{kind}" x="{step * (number + 0.1 + 0.4 * place):.1f}" y="{height - size:.1f}" '
                f'width="{step * 0.4:.1f}" height="{size:.1f}"/>'
            )
    edges = f"{one.edges[0]:.3g} to {one.edges[-1]:.3g}" if one.edges else "one value"
    name = escape(one.name)
    kind = ' class="found"' if one.why else ""
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}: trained and served">{"".join(bars)}</svg>'
        f"<figcaption{kind}>{name} ({edges}), PSI {one.psi:.2f}, KS {one.distance:.2f}</figcaption></figure>"
    )
