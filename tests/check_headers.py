#!/usr/bin/env python3
"""Compiles every header under src/ alone, so that each one includes what it uses.

    tests/check_headers.py BUILD_DIR [JOBS]

A header is compiled with the flags of a source file of its own layer, read from BUILD_DIR/compile_commands.json.
Highway's *-inl.hpp are made to be included several times from one file and are left out.
"""
import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = 77
TAKES_A_VALUE = {"-o", "-c", "-MT", "-MF", "-MQ"}


def flags_of_layers(build):
    """Per layer the compiler and its flags, without input, output and dependency files."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if ROOT / "src" not in source.parents:
            continue
        layer = source.relative_to(ROOT / "src").parts[0].split(".")[0]
        words = shlex.split(entry["command"])
        kept, skip = [], False
        for word in words:
            if skip or word == "-MD":
                skip = False
            elif word in TAKES_A_VALUE:
                skip = True
            else:
                kept.append(word)
        if pathlib.Path(kept[0]).name == "ccache":
            kept.pop(0)
        flags.setdefault(layer, kept)
    return flags


def compile_alone(header, command):
    text = f'#include "{header.relative_to(ROOT / "src").as_posix()}"\n'
    done = subprocess.run(command + ["-O0", "-fsyntax-only", "-x", "c++", "-"], input=text, text=True, capture_output=True)
    return done.returncode, done.stderr


def main(arguments):
    build = pathlib.Path(arguments[0]) if arguments else ROOT / "build/check"
    if not (build / "compile_commands.json").exists():
        print(f"SKIPPED: {build}/compile_commands.json is missing (configure with -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)")
        return SKIPPED
    flags = flags_of_layers(build)
    headers = [h for h in sorted((ROOT / "src").rglob("*.hpp")) if not h.name.endswith("-inl.hpp")]

    def layer_of(header):
        return header.relative_to(ROOT / "src").parts[0].split(".")[0]

    orphans = [h for h in headers if layer_of(h) not in flags]
    for header in orphans:
        print(f"{header}: its layer has no source file in compile_commands.json")
    failed = len(orphans)
    with concurrent.futures.ThreadPoolExecutor(int(arguments[1]) if len(arguments) > 1 else 2) as pool:
        jobs = {h: pool.submit(compile_alone, h, flags[layer_of(h)]) for h in headers if layer_of(h) in flags}
        for header, job in jobs.items():
            code, messages = job.result()
            if code != 0:
                failed += 1
                print(f"{header.relative_to(ROOT)} does not compile alone:\n{messages}")
    print(f"{len(headers)} headers, {failed} failed")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
