"""Files that mean no good: nothing is left behind, nothing is read, nothing hangs.

`random._os` is the module `os` itself, which a submission can reach like this.
"""

import os
import threading
import time

import pytest
from submissions import check_text

from mlp.check.check import check_file
from mlp.check.show import lines
from mlp.commands.check import main

SECRET = "the secret of this test"

# What relu does before it gives the right answer.
DEEDS = {
    "writes a file": "open('left', 'w').write('x')",
    "writes an array": "np.save('left.npy', x)",
    "writes by number": "random._os.open('left', 0o101)",
    "makes a folder": "random._os.mkdir('left')",
    "makes a pipe": "random._os.mkfifo('left')",
    "removes a file": "random._os.remove({secret!r})",
    "renames a file": "random._os.rename({secret!r}, 'left')",
    "changes rights": "random._os.chmod({secret!r}, 0)",
    "reads a file": "x = x + len(open({secret!r}).read())",
    "reads an array": "np.fromfile({secret!r})",
    "lists a folder": "random._os.listdir({folder!r})",
    "starts a program": "random._os.system('touch {folder}/left')",
    "starts a process": "__import__('subprocess'); random._os.posix_spawn('/bin/touch', ['touch', '{folder}/left'], {{}})",
    "forks": "random._os.fork()",
    "kills its parent": "random._os.kill(random._os.getppid(), 9)",
    "opens a socket": "random._os.sys.modules['importlib'].import_module('socket').socket()",
    "loads a library": "np.ctypeslib.load_library('libc', '.')",
    "changes folder": "random._os.chdir('/')",
}
ENDINGS = {
    "never ends": "while True: pass",
    "never ends, and catches everything": "while True:\n  try:\n   while True: pass\n  except BaseException: pass",
    "sleeps": "import time; time.sleep(60)",
    "leaves": "exit()",
    "ends the process": "random._os._exit(0)",
    "ends it with a signal": "random._os.abort()",
    "eats memory": "y = [np.ones((1 << 14, 1 << 14)) for _ in range(9)]",
    "recurs": "relu(x)",
    "returns too much": "return np.zeros(1 << 28, np.int8)",
    "answers for the checker": "[random._os.write(n, b'x' * 99) for n in range(3, 9)]",
}
WAITING = {"never ends", "sleeps", "eats memory"}


def hostile(tmp_path, deed):
    folder = tmp_path / "submission"
    folder.mkdir(exist_ok=True)
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    body = deed.format(secret=str(secret), folder=str(folder)).replace("\n", "\n ")
    text = f"import random\ndef relu(x):\n {body}\n return np.maximum(x, 0)\ndef softmax(x):\n return np.exp(x)\n"
    before = sorted(os.listdir("."))
    report = check_text(folder, text)
    assert sorted(path.name for path in folder.iterdir()) == ["starter.py"]
    assert sorted(os.listdir(".")) == before
    assert secret.read_text() == SECRET
    assert secret.stat().st_mode & 0o400
    assert SECRET not in "\n".join(lines(report, everything=True))
    return {t.function.name: t.judgement for t in report.tried}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_is_refused_and_the_rest_is_checked(deed, tmp_path):
    judged = hostile(tmp_path, DEEDS[deed])
    assert judged["relu"].verdict.value in ("not checked", "wrong")  # it has raised
    assert judged["softmax"].mistake == "softmax not divided"


def slow_if(ending):
    """Mark the ones that wait for the end of their time, but for the most stubborn of them."""
    return pytest.param(ending, marks=pytest.mark.slow if ending in WAITING else ())


@pytest.mark.parametrize("ending", [slow_if(ending) for ending in ENDINGS])
def test_a_function_that_does_not_come_back_is_not_checked_and_the_next_one_is(ending, tmp_path):
    start = time.monotonic()
    judged = hostile(tmp_path, ENDINGS[ending])
    assert time.monotonic() - start < 15
    assert judged["relu"].verdict.value in ("not checked", "wrong")
    assert judged["softmax"].mistake == "softmax not divided"


@pytest.mark.slow
def test_a_file_takes_ten_seconds_at_most(tmp_path):
    text = "".join(
        f"def {name}(x):\n while True: pass\n"
        for name in ("relu", "relu2", "softmax", "relu_grad", "one_hot", "relu3", "relu4")
    )
    assert check_text(tmp_path, text).seconds < 11  # with the end of the last process


def test_a_definition_that_ends_the_process_is_left_out(tmp_path):
    text = """
    import random
    class Trap:
        random._os._exit(0)
    def relu(x):
        return np.maximum(x, 0)
    """
    report = check_text(tmp_path, text)
    assert [t.judgement.verdict.value for t in report.tried] == ["right"]


def test_a_class_that_trains_when_it_is_made_is_used_without(tmp_path):
    text = """
    class Net:
        def __init__(self):
            while True:
                pass
        def relu(self, x):
            return np.maximum(x, 0)
    """
    assert check_text(tmp_path, text).tried[0].judgement.verdict.value == "right"


def test_the_environment_and_the_home_are_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("MLP_SECRET", SECRET)
    text = (
        "def relu(x):\n import random\n return np.maximum(x, 0) if not random._os.environ else x\n"
    )
    assert check_text(tmp_path, text).tried[0].judgement.verdict.value == "right"


def test_control_codes_and_long_texts_are_escaped(tmp_path, capsys):
    text = 'def gradCE(target, prediction):\n    x = 1\n    raise ValueError("\\x1b[31mred\\n" + "x" * 99)\n'
    report = check_text(tmp_path, text, "evil\x1b[2J.py")
    for options in ([], ["--all"], ["--json"]):
        assert main([str(report.path), *options]) == 1
        assert "\x1b" not in capsys.readouterr().out
    assert main([str(tmp_path)]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_a_link_beside_a_submission_leads_nowhere(tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_text("def softmax(x): return x\n")
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "helpers.py").symlink_to(outside)
    report = check_text(
        folder, "from helpers import softmax\ndef relu(x): return np.maximum(x, 0)\n"
    )
    assert [t.function.name for t in report.tried] == ["relu"]


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "starter.py")
    done = []
    thread = threading.Thread(target=lambda: done.append(check_file(tmp_path / "starter.py")))
    thread.start()
    thread.join(20)
    assert "is no file" in done[0].unreadable
