"""The warm Python: a fork of it is what a fresh Python would have been."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from strata.dvc.revision import Stage
from strata.warm import Warm, libraries

PROBE = """\
import json, os, random, sys
import numpy as np
import helper
print(json.dumps({
    "argv": sys.argv[1:], "name": __name__, "cwd": os.getcwd(), "path": sys.path[0],
    "color": os.environ.get("COLOR"), "shell": os.environ.get("SHELL"), "said": helper.SAID,
    "strata": "strata" in sys.modules,
}))
print(random.random(), np.random.rand(), file=sys.stderr)
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "probe.py").write_text(PROBE)
    (tmp_path / "helper.py").write_text("import json.tool\nfrom xml import dom\nSAID = 1\n")
    (tmp_path / "part").mkdir()
    script = PROBE.replace("sys.argv[1:]", "sys.argv[1:], 'file': __file__")
    (tmp_path / "part/script.py").write_text(script)
    (tmp_path / "part/helper.py").write_text("SAID = 3\n")
    return tmp_path


def stage(cmd: str, *deps: str) -> Stage:
    return Stage("probe", cmd, dict.fromkeys(deps, ""), {}, {}, False)


def test_libraries_are_those_of_the_sources_that_stages_name(root: Path) -> None:
    (root / "src/pack").mkdir(parents=True)
    (root / "src/pack/part.py").write_text("def f():\n    import wave\nfrom pack import other\n")
    (root / "src/pack/other.py").write_text("import helper, colorsys\nfrom . import part\n")
    (root / "part/script.py").write_text("import beside, tabnanny\n")
    (root / "part/beside.py").write_text("import sched\n")
    (root / "kit/base").mkdir(parents=True)
    (root / "kit/base/deep.py").write_text("import sndhdr\n")
    (root / "kit/other.py").write_text("import chunk\n")
    (root / "broken.py").write_text("import (")
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    found = libraries(
        root,
        [
            stage("python -m pack.part --fast", "src/pack/part.py", "src/pack/other.py"),
            stage(
                "true && python part/script.py",
                "helper.py",
                "broken.py",
                "gone.py",
                "data",
                "kit/base",
            ),
        ],
    )
    assert found == {
        "pack.part": ["colorsys"],
        "part/script.py": ["json.tool", "sndhdr", "tabnanny", "xml", "xml.dom"],
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is no warm Python")
class TestWarm:
    def ask(self, root: Path, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.warm.environment["SHELL"], "-c", command],
            cwd=root,
            env=os.environ | {"SHELL": "/bin/sh"} | self.warm.environment | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    @pytest.fixture(autouse=True)
    def start(self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        programs = Path(sys.executable).parent
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("SHELL", "/bin/sh")
        stages = [
            stage("python -m probe", "probe.py", "helper.py"),
            stage("python part/script.py", "part/helper.py"),
        ]
        self.warm = Warm(root, stages, tmp_path / "warm")
        yield
        self.warm.close()

    def plain(self, root: Path, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=root,
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=False,
        )

    @pytest.mark.parametrize(
        "command",
        [
            "python -m probe a b",
            "python probe.py a b",
            "python part/script.py a",
            "python none.py",
            "python -m probe | cat",
            "python -m none",
            "python -m",
            "true; false",
            "echo 'x'",
        ],
    )
    def test_does_what_the_shell_does(self, root: Path, command: str) -> None:
        warm = self.ask(root, command, COLOR="a=b\nc", CODE="7")
        plain = self.plain(root, command, COLOR="a=b\nc", CODE="7")
        assert (warm.stdout, warm.returncode) == (plain.stdout, plain.returncode)

    def test_the_libraries_are_there_and_the_tools_are_not(self, root: Path) -> None:
        (root / "probe.py").write_text(
            "import sys\nprint([name in sys.modules for name in ('xml.dom', 'strata', 'helper')])\n"
        )
        assert self.ask(root, "python -m probe").stdout == "[True, False, False]\n"

    def test_a_command_waits_for_its_own_libraries_only(self, root: Path) -> None:
        (root / "part/script.py").write_text("import sys\nprint('xml.dom' in sys.modules)\n")
        assert self.ask(root, "python part/script.py").stdout == "False\n"
        self.ask(root, "python -m probe")
        assert self.ask(root, "python part/script.py").stdout == "True\n"

    def test_arguments_are_no_part_of_a_program(self, root: Path) -> None:
        (root / "probe.py").write_text("import sys\nprint('xml.dom' in sys.modules)\n")
        assert self.ask(root, "python -m probe --rate 0.1").stdout == "True\n"

    @pytest.mark.parametrize(
        ("trouble", "code"), [("os.kill(os.getpid(), 2)", 130), ("sys.exit(3)", 0)], ids=str
    )
    def test_trouble_while_it_imports(
        self, root: Path, tmp_path: Path, trouble: str, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C then ends the stage that waits; a library that exits is for the stage to meet."""
        outside = tmp_path.with_name(tmp_path.name + "-outside")
        outside.mkdir()
        (outside / "trouble.py").write_text(f"import os, sys\n{trouble}\n")
        (root / "later.py").write_text("")
        (root / "eager.py").write_text("import trouble\n")
        subprocess.run(["git", "add", "--all"], cwd=root, check=True)
        monkeypatch.setenv("PYTHONPATH", str(outside))
        self.warm.close()
        self.warm = Warm(root, [stage("python later.py", "eager.py")], tmp_path / "warm")
        assert self.ask(root, "python later.py").returncode == code
        assert self.ask(root, "python later.py").returncode == 0
        assert '"said": 1' in self.ask(root, "python -m probe").stdout

    def test_a_client_that_dies_while_it_asks_takes_nobody_with_it(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(self.warm.environment["STRATA_WARM"])  # its path may be too long
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("socket")
            socket.send_fds(client, [b"half of what"], [0, 1, 2])
        assert '"said": 1' in self.ask(root, "python -m probe").stdout

    def test_each_run_draws_other_random_numbers(self, root: Path) -> None:
        first, second = (self.ask(root, "python -m probe").stderr.split() for _ in range(2))
        assert first[0] != second[0]
        assert first[1] != second[1]

    def test_a_module_changed_between_two_runs_is_read_again(self, root: Path) -> None:
        assert '"said": 1' in self.ask(root, "python -m probe").stdout
        (root / "helper.py").write_text("SAID = 22\n")
        assert '"said": 22' in self.ask(root, "python -m probe").stdout

    def test_a_stage_killed_by_a_signal_fails(self, root: Path) -> None:
        (root / "probe.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
        assert self.ask(root, "python -m probe").returncode == 137

    def test_a_stage_is_waited_for_and_what_it_started_is_not(self, root: Path) -> None:
        (root / "probe.py").write_text(
            "import os, time\nfrom pathlib import Path\n"
            "if child := os.fork():\n    Path('child').write_text(str(child))\n"
            "    os.kill(os.getpid(), 9)\nos.closerange(0, 3)\ntime.sleep(3600)\n"
        )
        try:
            assert self.ask(root, "python -m probe").returncode == 137
        finally:
            psutil.Process(int((root / "child").read_text())).kill()

    def test_a_stage_ends_with_a_server_that_is_killed(self, root: Path) -> None:
        """It would write beside its own repetition; here it would keep its output open."""
        (root / "probe.py").write_text(
            "import os, psutil, time\n"
            "assert 'server.py' in str(psutil.Process().parent().cmdline())\n"
            "os.kill(os.getppid(), 9)\ntime.sleep(3600)\n"
        )
        asked = self.ask(root, "python -m probe")
        assert asked.returncode == 1
        assert "has died. Run it again" in asked.stderr

    @pytest.mark.parametrize(
        ("answer", "code"), [("GONE\n0", 0), ("\n130", 130), ("GONE\n", 1), ("", 1)]
    )
    def test_a_client_ends_as_the_server_says(self, root: Path, answer: str, code: int) -> None:
        gone = subprocess.Popen(["true"])
        gone.wait()
        folder = Path(self.warm.environment["STRATA_WARM"])
        (folder / "socket").unlink()
        with socket.socket(socket.AF_UNIX) as server:
            with contextlib.chdir(folder):  # its path may be too long
                server.bind("socket")
            server.listen()

            def serve() -> None:
                with server.accept()[0] as connection:
                    asked = b""
                    while not asked.endswith(b"\0\0"):
                        asked += connection.recv(1 << 16)
                    connection.sendall(answer.replace("GONE", str(gone.pid)).encode())

            thread = threading.Thread(target=serve)
            thread.start()
            assert self.ask(root, "python -m probe").returncode == code
            thread.join()

    def test_the_users_shell_is_known_to_a_second_server_too(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in self.warm.environment.items():
            monkeypatch.setenv(name, value)
        self.warm.close()
        self.warm = Warm(root, [], tmp_path / "second")
        assert self.ask(root, "echo a b | wc -w").stdout.strip() == "2"

    def test_without_a_server_the_shell_runs_it(self, root: Path) -> None:
        for child in psutil.Process().children():
            if "server.py" in " ".join(child.cmdline()):
                child.kill()
                child.wait()
        assert '"said": 1' in self.ask(root, "python -m probe").stdout

    def test_nothing_is_left_behind(self, root: Path) -> None:
        self.ask(root, "python -m probe")
        folder = Path(self.warm.environment["STRATA_WARM"])
        assert folder.is_dir()
        self.warm.close()
        assert not folder.exists()
