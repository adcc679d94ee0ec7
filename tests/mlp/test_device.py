"""The device rule, on machines simulated at the driver and at CuPy's seams."""

import ctypes
import importlib
import importlib.util
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits

from mlp import DeviceError, choose_device, installation
from mlp.device import available_threads, copy_like, device_kind, to_numpy

REQUESTS = ["auto", "cuda", "cuda:0"]


class Driver:
    """Stands in for libcuda: so many devices, or an error code from cuInit."""

    def __init__(self, devices=1, status=0, version=12_040):
        self.devices, self.status, self.version = devices, status, version

    def cuInit(self, flags):  # noqa: N802
        return self.status

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self.devices
        return 0

    def cuDriverGetVersion(self, version):  # noqa: N802
        version._obj.value = self.version
        return 0


class Cupy:
    """Stands in for array_api_compat.cupy and fails at one step of the probe."""

    __name__ = "array_api_compat.cupy"
    float64 = np.float64

    def __init__(self, fails_at=None):
        self.fails_at, self.used, self.compute_types = fails_at, [], {}
        self.cuda = SimpleNamespace(is_available=lambda: fails_at != "driver", Device=self.device)

    # `importlib` gives this object for every module of CuPy, so for the one of products too.
    COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_TF32 = 1, 7
    capability = "90"

    def set_compute_type(self, dtype, kind):
        if self.fails_at == "precision":
            raise AttributeError("no set_compute_type")
        self.compute_types[dtype] = kind

    def get_compute_type(self, dtype):
        return self.compute_types.get(dtype, self.COMPUTE_TYPE_DEFAULT)

    def device(self, number):
        return SimpleNamespace(
            id=number, use=lambda: self.used.append(number), compute_capability=self.capability
        )

    def ones(self, shape, dtype):
        if self.fails_at == "allocation":
            raise RuntimeError("cudaErrorMemoryAllocation:\nout of memory")
        return Array(np.ones(shape, dtype), self.fails_at)


class Array(np.ndarray):
    def __new__(cls, values, fails_at):
        array = np.asarray(values).view(cls)
        array.fails_at = fails_at
        return array

    def __array_finalize__(self, other):
        self.fails_at = getattr(other, "fails_at", None)

    def __add__(self, other):
        if self.fails_at == "kernel":
            raise RuntimeError("Failure finding libnvrtc.so")
        return np.ndarray.__add__(self, other)

    def __matmul__(self, other):
        if self.fails_at == "product":
            raise RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED")
        product = np.ndarray.__matmul__(self, other)
        return product * 0 if self.fails_at == "value" else product


@pytest.fixture
def machine(monkeypatch):
    """Simulate a machine: what libcuda answers, whether CuPy is installed and where it fails."""

    def simulate(driver=None, cupy=None):
        def load(name, *arguments):
            assert name == "libcuda.so.1"
            if driver is None:
                raise OSError(f"{name}: cannot open shared object file")
            return driver

        monkeypatch.setattr(ctypes, "CDLL", load)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: cupy)
        monkeypatch.setattr(importlib, "import_module", lambda name: cupy)
        monkeypatch.setattr(installation, "installed", lambda distributions: {})
        return cupy

    return simulate


def test_cpu_is_taken_without_asking_the_driver(machine, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", None)
    device = choose_device("cpu")
    assert (device.kind, device.used, device.library, device.notice) == ("cpu", "cpu", "numpy", "")


NO_DEVICE = [
    (None, "no NVIDIA driver is installed"),
    (Driver(status=100), r"finds no device \(cuInit gives 100\)"),
    (Driver(status=34), r"finds no device \(cuInit gives 34\)"),
    (Driver(devices=0), "finds no device"),
]


@pytest.mark.parametrize(("driver", "reason"), NO_DEVICE)
def test_without_a_device_auto_is_quiet_and_cuda_says_so(machine, driver, reason):
    machine(driver)
    auto = choose_device("auto")
    assert (auto.kind, auto.notice) == ("cpu", "")
    for request in ("cuda", "cuda:3"):
        with pytest.raises(DeviceError, match=reason):
            choose_device(request, strict=True)
        device = choose_device(request)
        assert (device.kind, device.requested, device.used) == ("cpu", request, "cpu")
        assert device.notice.startswith(f"device: {request} requested, cpu used: ")
        assert "\n" not in device.notice
        assert device.reason in device.notice
    assert choose_device("auto", strict=True).kind == "cpu"


BROKEN = [
    (Driver(), None, r'CuPy is not installed; .*pip install -e "\.\[cuda12\]"'),
    (Driver(version=13_000), None, r'CuPy is not installed; .*pip install -e "\.\[cuda13\]"'),
    (Driver(), Cupy("driver"), "CuPy cannot use the driver; update it"),
    (Driver(status=999), Cupy("driver"), "CuPy cannot use the driver; update it"),
    (
        Driver(),
        Cupy("allocation"),
        r"an allocation on it fails \(RuntimeError: cudaErrorMemoryAllocation: out of memory\); "
        "free its memory",
    ),
    (Driver(), Cupy("kernel"), r"cannot compile a kernel .*libnvrtc.*pip install"),
    (Driver(), Cupy("product"), r"a matrix product on it fails .*CUBLAS.*pip install"),
    (Driver(), Cupy("precision"), r"does not let the precision .* be set .*pip install"),
    (Driver(), Cupy("value"), r"computes 2 x 2 = 0\.0"),
]


@pytest.mark.parametrize(("driver", "cupy", "message"), BROKEN)
def test_a_device_that_idles_is_an_error_and_auto_says_why_it_is_not_used(
    machine, driver, cupy, message
):
    machine(driver, cupy)
    for arguments in (("cuda", False), ("cuda", True), ("cuda:0", False), ("auto", True)):
        request, strict = arguments
        with pytest.raises(DeviceError, match=message) as caught:
            choose_device(request, strict=strict)
        assert "\n" not in str(caught.value)
    device = choose_device("auto")
    assert device.kind == "cpu"
    assert device.notice.startswith("device: auto requested, cpu used: an NVIDIA device is there")


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_usable_device_is_used(machine, request_):
    cupy = machine(Driver(), Cupy())
    device = choose_device(request_)
    assert (device.kind, device.requested, device.used) == ("cuda", request_, "cuda:0")
    assert (device.library, device.notice) == ("cupy", "")
    assert cupy.used == [0]


def test_the_number_of_the_device_counts(machine):
    cupy = machine(Driver(devices=3), Cupy())
    assert choose_device("cuda:2").used == "cuda:2"
    assert cupy.used == [2]
    with pytest.raises(DeviceError, match=r"has 3 NVIDIA device\(s\); use cuda:0 to cuda:2"):
        choose_device("cuda:3")


def test_tf32_is_what_cupy_says_whatever_was_asked_for_before(machine):
    cupy = machine(Driver(), Cupy())
    first = choose_device("cuda", tf32=True)
    assert first.tf32
    assert cupy.compute_types == {np.dtype(np.float32): 7}
    second = choose_device("cuda")
    assert not second.tf32
    assert not first.tf32  # one setting for the process
    cupy.capability = "75"
    assert not choose_device("cuda", tf32=True).tf32
    assert not choose_device("cpu", tf32=True).tf32


def test_cupy_has_what_tf32_is_set_with():
    products = pytest.importorskip("cupy._core._routines_linalg", reason="CuPy is not installed")
    assert products.COMPUTE_TYPE_TF32 != products.COMPUTE_TYPE_DEFAULT
    before = products.get_compute_type(np.dtype(np.float32))
    products.set_compute_type(np.dtype(np.float32), products.COMPUTE_TYPE_DEFAULT)
    assert products.get_compute_type(np.dtype(np.float32)) == products.COMPUTE_TYPE_DEFAULT
    products.set_compute_type(np.dtype(np.float32), before)


@pytest.mark.parametrize(("rank", "number"), [(0, 0), (2, 2), (3, 0), (7, 1)])
def test_ranks_of_one_machine_take_its_devices_in_turn(machine, rank, number):
    cupy = machine(Driver(devices=3), Cupy())
    assert choose_device("auto", rank_on_host=rank).used == f"cuda:{number}"
    assert choose_device("cuda:1", rank_on_host=rank).used == "cuda:1"
    assert cupy.used == [number, 1]


@pytest.mark.parametrize("request_", ["gpu", "cuda:", "cuda:-1", "CUDA", ""])
def test_other_requests_are_refused(request_):
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda or cuda:N"):
        choose_device(request_)


def test_arrays_move_between_the_host_and_any_device():
    host = np.array([[0, -0.0, 2], [3, np.nan, -np.inf]], np.float32)
    there = array_api_strict.asarray(host, device=array_api_strict.Device("device1"))
    moved = copy_like(host, there)
    assert moved.device == there.device
    back = to_numpy(moved)
    assert type(back) is np.ndarray
    assert_same_bits(back, host)
    assert device_kind(there) == device_kind(host) == "cpu"


def test_a_copy_shares_no_memory():
    host = np.zeros(3)
    copy_like(host, host)[0] = 1.0
    assert host[0] == 0.0


@pytest.mark.parametrize(
    ("quota", "cores", "threads"),
    [
        ("max 100000", 4, 4),
        ("50000 100000", 4, 1),  # half a core
        ("250000 100000", 4, 2),
        ("100000 50000", 4, 2),  # another period
        ("800000 100000", 4, 4),  # more than the affinity
        (None, 4, 4),  # no file
        ("nonsense", 4, 4),
        ("max 100000", None, 6),  # a system without affinity
        ("200000 100000", None, 2),
    ],
)
def test_the_threads_are_the_cores_of_the_affinity_and_the_quota(
    monkeypatch, quota, cores, threads
):
    def read_text(path):
        assert str(path) == "/sys/fs/cgroup/cpu.max"
        if quota is None:
            raise FileNotFoundError(path)
        return f"{quota}\n"

    monkeypatch.setattr("mlp.device.Path.read_text", read_text)
    if cores is None:
        monkeypatch.delattr("os.sched_getaffinity", raising=False)
    else:
        monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert available_threads() == threads


def test_at_least_one_core_is_there_where_the_system_does_not_say(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: None)
    monkeypatch.setattr("mlp.device.Path.read_text", lambda path: "max 100000")
    assert available_threads() == 1
