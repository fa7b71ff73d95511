"""What every object that is a formula shares: its display in a notebook, its LaTeX text, its value."""

from collections.abc import Iterable
from pathlib import Path


class Formula:
    """A formula: a subclass gives its equations as LaTeX lines, and what the text on top of an export says."""

    def _equations(self) -> Iterable[str]:
        """The equations, one LaTeX line each."""
        raise NotImplementedError

    def _origin(self) -> Iterable[str]:
        """Lines for the top of an export: the call that makes the formula anew, and its sources."""
        return ()

    def to_latex(self, path=None) -> str | None:
        r"""The formula in display style, with its origin on top as ``%`` lines.

        Needs no package beyond ``amsmath``.  Returns the text, or writes it to ``path``.
        """
        lines = list(self._equations())
        body = r" \\ ".join(f"&{line}" for line in lines) if len(lines) > 1 else lines[0]
        body = rf"\begin{{aligned}} {body} \end{{aligned}}" if len(lines) > 1 else body
        text = "".join(f"% {line}\n" for line in self._origin()) + f"\\[\n{body}\n\\]\n"
        if path is None:
            return text
        Path(path).write_text(text, encoding="utf-8")
        return None

    def _repr_latex_(self) -> str:
        return r"$\displaystyle " + r",\qquad ".join(self._equations()) + "$"


def assert_exact(expression) -> None:
    """Refuse a floating-point number inside an expression that is to be exact."""
    import sympy

    found = expression.atoms(sympy.Float)
    if found:
        raise AssertionError(f"a floating-point number {found} in an exact expression")
