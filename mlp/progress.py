"""How a training goes on, shown to whoever looks: a bar, lines in a file, curves in a notebook."""

import base64
import sys
import time
from typing import Protocol

from .history import History, Metrics

KINDS = ("auto", "bar", "lines", "none")
_LINES = 10  # of a whole run
_REDRAWN = 1.0  # seconds between two drawings of the curves


class _State(Protocol):
    """What is shown of a `mlp.TrainingState`."""

    @property
    def history(self) -> History: ...


class Progress:
    """Shows every epoch's loss and accuracy: ``mlp.train(..., on_epoch=mlp.Progress())``.

    In a notebook and in a terminal it is a bar, elsewhere a line every tenth of the run, on stderr.
    Nothing is coloured, with or without ``NO_COLOR``.

    Parameters
    ----------
    kind : {"auto", "bar", "lines", "none"}
        ``auto`` is as said above; the others are the same everywhere.
    curves : bool
        Whether a notebook shows the curves so far as well.

    Raises
    ------
    ValueError
        `kind` is none of these.
    """

    def __init__(self, kind: str = "auto", *, curves: bool = False) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {kind!r}")
        self._kind, self._curves = kind, curves
        self._epochs: int | None = None
        self._bar: _TerminalBar | _NotebookBar | None = None

    def begin(self, epochs: int) -> None:
        """Take the number of epochs; `mlp.train` says it. Without it there is a line an epoch."""
        self.end()
        self._epochs = epochs

    def __call__(self, state: _State) -> None:
        """Take a state whose last row is new."""
        row = state.history[-1]
        kind = self._kind
        if kind == "auto":
            kind = "bar" if _in_notebook() or _is_terminal() else "lines"
        if kind == "lines":
            self._line(row)
        elif kind == "bar":
            if self._bar is None and _in_notebook():
                self._bar = _NotebookBar(self._epochs, self._curves)
            elif self._bar is None:
                self._bar = _TerminalBar(self._epochs, row.epoch)
            self._bar.update(row, state.history)

    def end(self) -> None:
        """Leave the bar as it is; `mlp.train` says so where it ends, whatever ends it."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, row: Metrics) -> None:
        total = self._epochs
        if total is None:
            print(f"epoch {row.epoch}: {_numbers(row)}", file=sys.stderr)
        elif row.epoch and _LINES * row.epoch // total > _LINES * (row.epoch - 1) // total:
            print(f"epoch {row.epoch} of {total}: {_numbers(row)}", file=sys.stderr)


class _TerminalBar:
    """A bar that replaces itself on a terminal's line."""

    def __init__(self, epochs: int | None, first: int) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that watches the bar: the system may refuse one
        self._bar = tqdm(total=epochs, initial=first, unit="epoch")

    def update(self, row: Metrics, history: History) -> None:
        """Show a row."""
        self._bar.set_postfix_str(_numbers(row), refresh=False)
        self._bar.update(row.epoch - self._bar.n)

    def close(self) -> None:
        """Go to the next line."""
        self._bar.close()


class _NotebookBar:
    """A bar, and the curves under it, that replace themselves below a notebook's cell."""

    def __init__(self, epochs: int | None, curves: bool) -> None:
        from IPython.display import HTML, display

        self._epochs, self._curves, self._html = epochs, curves, HTML
        self._handle = display(HTML(""), display_id=True)
        self._drawn = 0.0
        self._last: tuple[Metrics, History] | None = None

    def update(self, row: Metrics, history: History) -> None:
        """Show a row, and the curves if the last ones are old."""
        self._last = row, history
        if time.monotonic() - self._drawn >= _REDRAWN:
            self._show(row, history)

    def close(self) -> None:
        """Show the last row."""
        if self._last is not None:
            self._show(*self._last)

    def _show(self, row: Metrics, history: History) -> None:
        of = f' max="{self._epochs}"' if self._epochs else ""
        bar = f'<progress value="{row.epoch}"{of}></progress> epoch {row.epoch}: {_numbers(row)}'
        if self._curves:
            data = base64.b64encode(history._repr_png_()).decode()
            bar += f'<br><img alt="Loss and accuracy so far" src="data:image/png;base64,{data}">'
        self._handle.update(self._html(bar))
        self._drawn = time.monotonic()


def _numbers(row: Metrics) -> str:
    return f"loss {row.train_loss:.4f}, validation accuracy {row.valid_accuracy:.4f}"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _in_notebook() -> bool:
    """Return whether a notebook's kernel shows what a cell displays."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and hasattr(shell, "kernel")
