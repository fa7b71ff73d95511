"""What predictions share: one sheet of columns as text, Markdown, LaTeX and HTML."""

from .. import _render
from ..table import _deliver


class Views:
    """The displays of an object that makes a sheet of its numbers, with so many digits by default."""

    _digits = 4

    def _sheet(self, digits: int) -> _render.Sheet:
        """The columns, with at most so many digits and only those that are certain."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return _render.notebook(self._sheet(self._digits))

    def _repr_latex_(self) -> str:
        return _render.latex(self._sheet(self._digits))

    def to_text(self, path=None, *, digits: int | None = None) -> str | None:
        """Plain text, returned or written to ``path``."""
        return _deliver(_render.plain(self._sheet(self._digits if digits is None else digits)), path)

    def to_html(self, path=None, *, digits: int | None = None) -> str | None:
        """HTML as in a notebook."""
        return _deliver(_render.notebook(self._sheet(self._digits if digits is None else digits)), path)

    def to_markdown(self, path=None, *, digits: int | None = None) -> str | None:
        """A Markdown pipe table."""
        return _deliver(_render.markdown(self._sheet(self._digits if digits is None else digits)), path)

    def to_latex(
        self, path=None, *, digits: int | None = None, caption: str | None = None, label: str | None = None
    ) -> str | None:
        """LaTeX that compiles with booktabs alone; with a ``caption`` (LaTeX source) or ``label`` in a ``table``.

        Only digits that are certain are printed.
        """
        return _deliver(_render.latex(self._sheet(self._digits if digits is None else digits), caption, label), path)
