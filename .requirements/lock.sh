#!/bin/sh
# Pins demo.txt (console and demo stack) and dev.txt (those, tests and linters) with hashes, for Python 3.11 and newer.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"
}
.venv/bin/python -m pip install --quiet uv
compile pyproject.toml .requirements/build.in --extra demo -o .requirements/demo.txt
compile pyproject.toml .requirements/build.in --extra demo --extra test --extra lint \
    -c .requirements/demo.txt -o .requirements/dev.txt
