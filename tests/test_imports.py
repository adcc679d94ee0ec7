import subprocess
import sys


def test_importing_the_packages_loads_nothing_heavy():
    """In a fresh interpreter, because the other tests load these libraries."""
    code = """
import sys
import mlp, kernels
heavy = {"cupy", "jax", "jinja2", "keras", "matplotlib", "mpi4py", "onnx", "PIL", "safetensors",
         "scipy", "sklearn", "tensorflow", "torch", "tqdm"}
names = {name.partition(".")[0] for name in sys.modules} | set(sys.modules)
print(sorted(names & (heavy | {"array_api_compat.numpy", "numpy.f2py", "numpy.testing"})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
