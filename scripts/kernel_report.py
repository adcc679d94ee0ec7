"""Write what NVRTC says of every kernel into the table of kernels/README.md.

python scripts/kernel_report.py
python scripts/kernel_report.py --out table.md

Needs an NVRTC wheel and no GPU. With both releases' wheels in two environments, run it in each:
each run replaces its own release's table and keeps the other's.
"""

import sys
from pathlib import Path

import nvrtc
from markdown import table, write_marked

from kernels.sources import cuda_source
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status, named_path

README = Path(__file__).resolve().parent.parent / "kernels" / "README.md"
ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)
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
    **{
        operation: [f"{operation}<{real}, unsigned char>" for real in ("float", "double")]
        for operation in ("minibatch_forward", "minibatch_loss", "minibatch_update")
    },
    "minibatch_backward": ["minibatch_backward<float>", "minibatch_backward<double>"],
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = Parser("kernel_report.py", __doc__)
    help = "Markdown file (default: kernels/README.md)"
    parser.add_argument("--out", type=named_path, default=README, metavar="FILE", help=help)
    return guarded("kernel_report.py", lambda: report(parser.parse_args(arguments).out))


def report(readme: Path) -> int:
    """Compile every kernel and write the tables, with the bytes kept outside registers."""
    libraries = nvrtc.libraries()
    if not libraries:
        raise ModuleNotFoundError("no NVRTC is installed; pip install nvidia-cuda-nvrtc-cu12")
    for library in libraries:
        supported = [arch for arch in ARCHITECTURES if arch in library.architectures()]
        lines, local = [["kernel", *(f"sm_{arch}" for arch in supported)]], 0
        lines.append(["---", *["---:"] * len(supported)])
        for operation, names in KERNELS.items():
            source = cuda_source(operation)
            columns = [library.compile(source, names, arch)[0] for arch in supported]
            for name in names:
                usages = [column[name] for column in columns]
                local += sum(u.stack + u.spill_stores + u.spill_loads for u in usages)
                lines.append([f"`{name}`", *(str(u.registers) for u in usages)])
        text = (
            f"NVRTC {library.release}, registers a thread:\n\n{table(lines)}\n\n"
            f"Stack and spills of all of them together: {local} bytes."
        )
        # Releases differ, and so do wheels: a table stands for its CUDA major release.
        write_marked(readme, f"registers CUDA {library.version[0]}", text)
    return Status.DONE


if __name__ == "__main__":
    sys.exit(main())
