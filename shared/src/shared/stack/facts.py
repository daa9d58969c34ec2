"""The facts of a running stack, as a file that a shell can source and that commands read again."""

import shlex
from collections.abc import Mapping

from shared.stack.folders import DataFolder, cannot_write, write_private
from shared.stack.problems import StackProblem


def write_facts(folder: DataFolder, facts: Mapping[str, str]) -> None:
    """Write the facts; only their owner can read the file."""
    lines = ["# Facts of this Upheld, written at its last start. Holds secrets. Use: . " + folder.environment_file.name]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in facts.items()]
    try:
        write_private(folder.environment_file, "\n".join(lines) + "\n")
    except OSError as error:
        raise cannot_write(folder.path, error) from error


def read_facts(folder: DataFolder) -> dict[str, str]:
    """Read the facts again. Raises StackProblem when the stack never ran on this folder."""
    try:
        lines = folder.environment_file.read_text().splitlines()
    except FileNotFoundError:
        raise StackProblem(
            f"There is no {folder.environment_file}: start Upheld with `make run`, or say in UPHELD_DATA_DIR where "
            "its data is."
        ) from None
    except OSError as error:
        raise StackProblem(f"Cannot read {folder.environment_file}: {error.strerror}.") from error
    facts = {}
    for line in lines:
        words = shlex.split(line, comments=True)
        if len(words) == 2 and words[0] == "export" and "=" in words[1]:
            name, _, value = words[1].partition("=")
            facts[name] = value
    return facts
