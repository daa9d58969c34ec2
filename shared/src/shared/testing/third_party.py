"""What somebody does with our proofs who has them and Python, and nothing of ours."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def bare_python(folder: Path, *arguments: str, knows_zones: bool = True) -> subprocess.CompletedProcess[str]:
    """Python without environment, without installed packages, and without anything of this project on its path.

    One that does not know zones, as on Windows, finds no time zone either.
    """
    return subprocess.run(  # noqa: S603 - this interpreter, with a file of the test
        [sys.executable, *(("-I", "-S") if knows_zones else ("-s", "-S")), *arguments],
        check=False,
        cwd=folder,
        env={} if knows_zones else {"PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )


def opened_pack(pack: bytes) -> dict[str, bytes]:
    """The files of an evidence pack, read by a library that is not ours."""
    with zipfile.ZipFile(io.BytesIO(pack)) as files:
        assert files.testzip() is None
        return {name: files.read(name) for name in files.namelist()}


def verified_pack(folder: Path, pack: bytes, *options: str, knows_zones: bool = True) -> tuple[int, str]:
    """What the verifier in an evidence pack says of it, after its exit status."""
    (folder / "evidence.zip").write_bytes(pack)
    (folder / "verify.py").write_bytes(opened_pack(pack)["verify.py"])
    run = bare_python(folder, "verify.py", "evidence.zip", *options, knows_zones=knows_zones)
    assert run.stderr == ""
    return run.returncode, run.stdout


def verified_log(folder: Path, verifier: bytes, lines: Sequence[str], kept: Mapping[str, Any]) -> tuple[int, str]:
    """What the verifier of audit logs says of an export beside a kept checkpoint, after its exit status."""
    for name, content in (
        ("verifier.py", verifier.decode()),
        ("log.jsonl", "".join(lines)),
        ("kept", json.dumps(kept)),
    ):
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    run = bare_python(folder, "verifier.py", "log.jsonl", "--checkpoint", "kept")
    return run.returncode, run.stdout + run.stderr
