"""Write what NVRTC says of every kernel into the table of kernels/README.md.

python scripts/kernel_report.py
python scripts/kernel_report.py --out table.md

Needs an NVRTC wheel and no GPU. With both releases' wheels in two environments, run it in each:
each run replaces its own release's table and keeps the other's.
"""

from pathlib import Path

import nvrtc

from kernels.sources import cuda_source
from mlp.commands.parser import Parser, Status, fail

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "kernels" / "README.md"
ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)
START, END = "<!-- registers {}: written by scripts/kernel_report.py -->", "<!-- end {} -->"
KERNELS = {
    "softmax_cross_entropy": [
        *(f"softmax_cross_entropy_row<float, unsigned char, {k}>" for k in ("2, 2", "10, 2")),
        *(f"softmax_cross_entropy_row<float, unsigned char, {k}>" for k in ("16, 4", "32, 4")),
        "softmax_cross_entropy_row<double, unsigned char, 10, 2>",
        "softmax_cross_entropy_row<double, unsigned char, 32, 2>",
        "softmax_cross_entropy_warp<float, unsigned char>",
        "softmax_cross_entropy_warp<double, unsigned char>",
    ],
    "bias_relu": ["bias_relu<float, 4>", "bias_relu<float, 1>", "bias_relu<double, 2>"],
    "relu_backward": [
        *("relu_backward<float, 4>", "relu_backward<float, 1>", "relu_backward<double, 2>"),
        *("sum_partials<float>", "sum_partials<double>"),
    ],
    "momentum_update": ["momentum_update<float>", "momentum_update<double>"],
}


def main(arguments: list[str] | None = None) -> int:
    """Compile, write the tables and tell how many bytes any kernel keeps outside registers."""
    parser = Parser("kernel_report.py", __doc__)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="Markdown file (default: kernels/README.md)"
    )
    readme: Path = parser.parse_args(arguments).out or README
    libraries = nvrtc.libraries()
    if not libraries:
        message = "no NVRTC is installed; pip install nvidia-cuda-nvrtc-cu12"
        return fail("kernel_report.py", Status.BAD_INPUT, message)
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        return fail("kernel_report.py", Status.BAD_INPUT, f"{readme}: {error.strerror}")
    local = 0
    for library in libraries:
        supported = [arch for arch in ARCHITECTURES if arch in library.architectures()]
        lines = [
            f"NVRTC {library.release}, registers a thread:",
            "",
            "| kernel | " + " | ".join(f"sm_{arch}" for arch in supported) + " |",
            "| --- |" + " ---: |" * len(supported),
        ]
        for operation, names in KERNELS.items():
            source = cuda_source(operation)
            columns = [library.compile(source, names, arch)[0] for arch in supported]
            for name in names:
                usages = [column[name] for column in columns]
                local += sum(u.stack + u.spill_stores + u.spill_loads for u in usages)
                lines.append(f"| `{name}` | " + " | ".join(str(u.registers) for u in usages) + " |")
        lines += ["", f"Stack and spills of all of them together: {local} bytes."]
        # Releases differ, and so do wheels: a table stands for its CUDA major release.
        key = f"CUDA {library.version[0]}"
        start, end = START.format(key), END.format(key)
        if text.count(start) != 1 or text.count(end) != 1:
            message = f"{readme}: lacks the markers of {key}"
            return fail("kernel_report.py", Status.BAD_INPUT, message)
        before, _, rest = text.partition(start)
        after = rest.partition(end)[2]
        text = before + "\n".join([start, *lines, end]) + after
    readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
