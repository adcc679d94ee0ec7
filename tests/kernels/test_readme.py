"""What kernels/README.md tells a reader to write works as it stands there."""

import re
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cases
import cuda_on_cpu
import numpy as np
import pytest
from faults import copy_package
from tolerances import KERNEL

import kernels

README = (Path(kernels.__file__).parent / "README.md").read_text()
RECIPE = README.partition("## Add a fused operation")[2].partition("\n## ")[0]
STEP = r"- \[ \] `kernels/([\w.]+)`.*?\n  ```(?:python|cuda)\n(.*?)  ```"


def written(folder):
    """Do what the checklist says in a copy of the package."""
    copy_package(folder)
    steps = re.findall(STEP, RECIPE, re.DOTALL)
    assert [name for name, _ in steps] == [
        "__init__.py", "reference.py", "cpu.py", "bias_leaky_relu.cu", "cuda.py"
    ]  # fmt: skip
    for name, code in steps:
        with (folder / "kernels" / name).open("a") as file:
            file.write("\n\n" + textwrap.dedent(code))
    return folder


def compared():
    """Compare the new operation with its formula; in a process that has the copy."""
    import array_api_strict
    import cupy
    import fake_cupy

    import kernels

    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        for shape in cases.SHAPES:
            z = rng.standard_normal(shape).astype(dtype)
            bias = rng.standard_normal(shape[1]).astype(dtype)
            z[0, 0] = np.nan
            sums = (z + bias).astype("float64")
            expected = np.where(sums <= 0, 0.1 * sums, sums)
            fake_cupy.recorded.clear()
            results = [
                kernels.bias_leaky_relu(z.copy(), bias, 0.1),
                np.asarray(
                    kernels.bias_leaky_relu(*map(array_api_strict.asarray, (z.copy(), bias)), 0.1)
                ),
                kernels.bias_leaky_relu(cupy.asarray(z), cupy.asarray(bias), 0.1).get(),
            ]
            assert any(kind == "launch" for kind, _ in fake_cupy.recorded)
            for result in results:
                assert result.dtype == dtype
                np.testing.assert_allclose(result, expected, **KERNEL[dtype])
    with pytest.raises(ValueError, match=r"slope must be in \(0, 1\), got 2"):
        kernels.bias_leaky_relu(np.ones((2, 2)), np.ones(2), 2)


@pytest.mark.slow
def test_the_checklist_adds_an_operation(tmp_path):
    if reason := cuda_on_cpu.why_not():
        pytest.skip(reason)
    folder = written(tmp_path)
    context = cases.fresh_processes()
    with ProcessPoolExecutor(1, context, cases.start, (str(folder),)) as pool:
        pool.submit(compared).result()


def test_another_librarys_arrays_are_taken_as_they_are_told(need):
    need("torch")
    section = README.partition("## With the arrays of PyTorch or JAX")[2]
    (program,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    names = {}
    exec(compile(program, "README", "exec"), names)
    assert names["h"].min() == 0
    assert names["correct"].shape == (32,)


def test_torchs_own_gradient_is_ours(need):
    torch = need("torch")
    logits = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
    losses, dlogits, _ = kernels.softmax_cross_entropy(logits, torch.arange(9) % 4)
    losses.sum().backward()
    torch.testing.assert_close(logits.grad, dlogits.detach())


def test_jax_compiles_it_and_its_own_gradient_is_ours(need):
    jax = need("jax")
    logits = jax.numpy.asarray(np.random.default_rng(0).standard_normal((9, 4)), "float32")
    labels = jax.numpy.arange(9) % 4
    expected = kernels.softmax_cross_entropy(logits, labels)
    compiled = jax.jit(kernels.softmax_cross_entropy)(logits, labels)
    for one, other in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(one, other, **KERNEL["float32"])
    slopes = jax.grad(lambda x: kernels.softmax_cross_entropy(x, labels)[0].sum())(logits)
    np.testing.assert_allclose(slopes, expected[1], **KERNEL["float32"])
