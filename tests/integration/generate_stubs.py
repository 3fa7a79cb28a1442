"""Generates the Python client of the contract, as any user would: protoc over proto/ into a folder.

    generate_stubs.py REPOSITORY OUT
"""
import pathlib
import sys

import grpc_tools
from grpc_tools import protoc


def generate(root, files, out):
    """Each file's stubs, under its path below `root`."""
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    status = protoc.main(["protoc", f"-I{root}", f"-I{well_known}", f"--python_out={out}",
                          f"--grpc_python_out={out}", *map(str, files)])
    if status:
        sys.exit(status)


def main():
    repository, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    proto, here = repository / "proto", repository / "tests" / "integration"
    generate(proto, sorted(proto.glob("glyph/v1/*.proto")), out)
    # Below proto/grpc, because a folder `grpc` would stand beside the package grpc.
    generate(proto / "grpc", [proto / "grpc" / "health" / "v1" / "health.proto"], out)
    generate(here, [here / "reflection.proto"], out)


if __name__ == "__main__":
    main()
