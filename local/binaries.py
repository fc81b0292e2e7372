"""`make build`'s last step: what was compiled is for the processor that was asked for.

Layers hold compiled modules. On another processor none of them loads, and each start of the function fails.
"""

import argparse
import struct
import sys
from pathlib import Path

from local import ROOT

BUILT = ROOT / ".aws-sam" / "build"

#: ELF's e_machine by Lambda's names of processors (ELF-64 Object File Format, File Header).
_MACHINES = {"arm64": 183, "x86_64": 62}


def faults(built: Path, architecture: str) -> list[str]:
    """Return what under a folder is compiled for another processor, one line each, or that nothing is compiled."""
    machines = {path: _machine(path) for path in sorted(built.rglob("*.so*"))}
    if not machines:
        return [f"{built} holds no compiled module: the layer of the dependencies is missing."]
    return [
        f"{path.relative_to(built)} is not compiled for {architecture}."
        for path, machine in machines.items()
        if machine != _MACHINES[architecture]
    ]


def _machine(path: Path) -> int | None:
    """Return the machine of an ELF file, and None for another file."""
    with path.open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[:4] != b"\x7fELF":
        return None
    [machine] = struct.unpack_from("<H", header, 18)
    return int(machine)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="local.binaries", description="Check the processor of what was built.")
    parser.add_argument("architecture", choices=_MACHINES)
    found = faults(BUILT, parser.parse_args().architecture)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
