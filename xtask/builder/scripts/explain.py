"""Prints, for each symbol named, what kconfig knows of it in the configuration at hand.

One JSON object a line: symbol, type, and its dependencies with the current values.
Arguments: the .config, then symbols. kbuild's environment is expected, srctree among it.
"""

import json
import sys

import kconfiglib


class Kconfig(kconfiglib.Kconfig):
    """What all versions of kconfiglib can read: those of Debian 12 and older know `modules` by its old name alone."""

    __slots__ = ()

    def _tokenize(self, s):
        return super()._tokenize("option modules\n" if s.strip() == "modules" else s)


def with_value(item):
    """A symbol of an expression together with its value."""
    text = kconfiglib.standard_sc_expr_str(item)
    if isinstance(item, kconfiglib.Symbol) and not item.is_constant:
        return f"{text} (={item.str_value or 'undefined'})"
    return text


def expression(expr):
    """An expression with all current values."""
    return kconfiglib.expr_str(expr, with_value)


def explain(kconfig, name):
    """What kconfig knows of one symbol."""
    symbol = kconfig.syms.get(name)
    if symbol is None or not symbol.nodes:
        return {"symbol": name, "known": False}
    facts = {
        "symbol": name,
        "known": True,
        "type": kconfiglib.TYPE_TO_STR[symbol.orig_type],
        "value": symbol.str_value,
        "prompt": any(node.prompt for node in symbol.nodes),
        "defined": [f"{node.filename}:{node.linenr}" for node in symbol.nodes],
    }
    if symbol.direct_dep is not kconfig.y:
        facts["depends"] = expression(symbol.direct_dep)
    if symbol.rev_dep is not kconfig.n:
        facts["selected"] = expression(symbol.rev_dep)
    if symbol.choice is not None:
        facts["choice"] = [f"{other.name} (={other.str_value})" for other in symbol.choice.syms]
    return facts


def main():
    kconfig = Kconfig("Kconfig", warn=False)
    kconfig.load_config(sys.argv[1])
    for name in sys.argv[2:]:
        print(json.dumps(explain(kconfig, name)))


main()
