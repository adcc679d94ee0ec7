"""NVIDIA's programs as small scripts, which answer as the real ones do, in a folder for PATH."""

import stat
import sys

# What a card says that nobody else uses and nothing holds back; a test may set another answer.
CARD = {
    "mig.mode.current": "Disabled",
    "utilization.gpu": "0",
    "clocks.sm": "1980",
    "clocks.max.sm": "1980",
    "clocks.mem": "2619",
    "temperature.gpu": "41",
    "power.draw": "212.50",
    "clocks_event_reasons.active": "0x0000000000000000",
    "pid": "4711",  # of the processes that compute: this one
}

_NVIDIA_SMI = """
import sys, time
CARD = {card!r}
query = next(word for word in sys.argv if word.startswith("--query")).partition("=")[2]
assert "--format=csv,noheader,nounits" in sys.argv
assert sys.argv[sys.argv.index("-i") + 1] == "0000:00:00.0"
names = query.split(",")
if any(name not in CARD for name in names):
    sys.exit(f"Field {{names}} is not a valid field to query.")
answers = [CARD[name] for name in names]
rows = answers[0].split() if names == ["pid"] else [", ".join(answers)]
while True:
    print(*rows, sep="\\n", flush=True)
    if not any(word.startswith("--loop-ms") for word in sys.argv):
        break
    time.sleep(0.01)
"""

# Runs what it is to look at, and then writes what it has seen.
_OTHER = """
import subprocess, sys
log = sys.argv[sys.argv.index("--log-file") + 1]
words = sys.argv[sys.argv.index({python!r}):]
done = subprocess.run(words)
with open(log, "w") as file:
    file.write({text!r}.replace("TOOL", sys.argv[2]))
sys.exit({status} or done.returncode)
"""

NO_ERRORS = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
NCU = (
    '==PROF== Connected to process 12\n"ID","Kernel Name","Section Name","Metric Name",'
    '"Metric Unit","Metric Value"\n'
    + "".join(
        f'"{i}","{name}","Command line profiler metrics",'
        f'"dram__throughput.avg.pct_of_peak_sustained_elapsed","%","{share}"\n'
        for i, (name, share) in enumerate(
            {"void bias_relu<float, (int)4>(T1 *)": "91.5", "momentum_update": "88.25"}.items()
        )
    )
)
LOCKED = "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access counters\n"


def nvidia_smi(folder, **answers):
    """Put an nvidia-smi into a folder; `answers` replace those of a quiet card."""
    card = {**CARD, **{name.replace("__", "."): text for name, text in answers.items()}}
    card = {name: text for name, text in card.items() if text is not None}
    _write(folder / "nvidia-smi", _NVIDIA_SMI.format(card=card))


def compute_sanitizer(folder, text=NO_ERRORS, status=0):
    """Put a compute-sanitizer into a folder, which finds what `text` says."""
    code = _OTHER.format(python=sys.executable, text=text, status=status)
    _write(folder / "compute-sanitizer", code)


def ncu(folder, text=NCU, status=0):
    """Put an ncu into a folder."""
    _write(folder / "ncu", _OTHER.format(python=sys.executable, text=text, status=status))


def _write(path, code):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
