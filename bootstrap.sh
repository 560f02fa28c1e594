#!/bin/sh
# Makes .venv: Python 3.10, the packages that uv.lock names, and this project, editable. `make setup` runs it.
#
# It needs a package index and either uv or some Python with venv or pip; what it fetches for itself goes to
# .bootstrap/. It is safe to repeat: when nothing changed since the last time it ends at once. pip's settings
# for index, certificate and trusted hosts hold for uv too; uv's own settings come first.
set -eu

UV_VERSION=0.13.9 # installed where there is no uv
UV_OLDEST=0.7.0   # the oldest uv on PATH that will do

CDPATH='' cd -- "$(dirname -- "$0")"
ROOT=$(pwd -P)
STAMP=.venv/.thaw-stamp

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# The folder is part of the stamp: scripts in .venv/bin hold absolute paths, so a moved clone needs new ones.
wanted_stamp() {
  printf '%s\n' "$ROOT"
  cat pyproject.toml setup.py uv.lock bootstrap.sh third_party/*/*.py third_party/*/*.toml | cksum
}
is_current() {
  [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(wanted_stamp)" ] && .venv/bin/python -c '' 2>/dev/null
}

# A pyenv shim answers to the name without running, and some builds lack modules that TFX needs: so ask each.
is_python310() {
  "$1" -c 'import sys, bz2, ctypes, lzma, sqlite3, ssl; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null
}
find_python310() {
  for candidate in python3.10 python3 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10.*/bin/python3.10 \
    "$(pyenv root 2>/dev/null)"/versions/3.10.*/bin/python3.10 \
    /usr/bin/python3.10 /usr/local/bin/python3.10 /opt/*/bin/python3.10; do
    if is_python310 "$candidate"; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))' # not that of an active venv
      return
    fi
  done
}

uv_will_do() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#uv }
  [ "$(printf '%s\n' "$UV_OLDEST" "${version%% *}" | sort -V | head -n 1)" = "$UV_OLDEST" ]
}

pip_install_uv() { "$@" --quiet --disable-pip-version-check --only-binary :all: "uv==$UV_VERSION"; }

# Debian's Python may come without venv, without pip, or without both: try each way with each Python.
install_uv() {
  for python in ${PYTHON310:+"$PYTHON310"} python3 python; do
    rm -rf .bootstrap/uv
    if "$python" -m venv .bootstrap/uv >/dev/null 2>&1; then
      pip_install_uv .bootstrap/uv/bin/python -m pip install && return
    elif "$python" -m pip --version >/dev/null 2>&1; then
      pip_install_uv "$python" -m pip install --target .bootstrap/uv && return
    fi
  done
  fail "could not install uv $UV_VERSION: no Python here has venv or pip, or no package index answered." \
    "Install uv (https://docs.astral.sh/uv/) or python3-venv, and run this again."
}

find_uv() {
  for uv in uv "${HOME:-}/.local/bin/uv" .bootstrap/uv/bin/uv; do
    if uv_will_do "$uv"; then
      UV=$uv
      return
    fi
  done
  say "installing uv $UV_VERSION into .bootstrap/"
  install_uv
  UV=.bootstrap/uv/bin/uv
}

fetch_python310() {
  say "no Python 3.10 found here; fetching one with uv"
  # Only uv's own builds: a search of PATH would stop at a broken shim.
  UV_PYTHON_PREFERENCE=only-managed
  UV_PYTHON_INSTALL_BIN=0
  export UV_PYTHON_PREFERENCE UV_PYTHON_INSTALL_BIN
  "$UV" python install 3.10 && PYTHON310=$("$UV" python find 3.10) || PYTHON310=
  is_python310 "$PYTHON310" ||
    fail "Thaw needs Python 3.10; none runs here and uv could not fetch one." \
      "Install it (Debian, Ubuntu: python3.10; or pyenv install 3.10), or let uv reach a mirror through" \
      "UV_PYTHON_INSTALL_MIRROR, and run this again."
}

# One of pip's settings from its configuration files or PIP_* variables; nothing where pip is not installed.
pip_setting() {
  "${PYTHON310:-python3}" -m pip config list 2>/dev/null |
    sed -nE "s/^(:env:|global|install)\.$1='(.*)'\$/\1 \2/p" | sort | head -n 1 | cut -d' ' -f2- |
    sed 's/\\n/ /g' # several hosts stand on several lines
}
adopt_pip_settings() {
  : "${UV_DEFAULT_INDEX:=${UV_INDEX_URL:-${PIP_INDEX_URL:-$(pip_setting index-url)}}}"
  : "${SSL_CERT_FILE:=$(pip_setting cert)}" "${UV_INSECURE_HOST:=$(pip_setting trusted-host)}"
  : "${UV_HTTP_TIMEOUT:=180}"
  export UV_HTTP_TIMEOUT
  unset UV_INDEX_URL # the older name of UV_DEFAULT_INDEX
  # uv takes an empty value for a wrong one.
  if [ -n "$UV_DEFAULT_INDEX" ]; then export UV_DEFAULT_INDEX; else unset UV_DEFAULT_INDEX; fi
  if [ -n "$SSL_CERT_FILE" ]; then export SSL_CERT_FILE; else unset SSL_CERT_FILE; fi
  if [ -n "$UV_INSECURE_HOST" ]; then export UV_INSECURE_HOST; else unset UV_INSECURE_HOST; fi
}

# `uv sync` downloads from the addresses in the lock. With an index of the user's own, the same versions with
# the same hashes come from there.
install_locked() {
  if [ -z "${UV_DEFAULT_INDEX:-}" ]; then
    "$UV" sync --frozen --python "$PYTHON310"
  else
    "$UV" venv --quiet --allow-existing --python "$PYTHON310" .venv &&
      "$UV" export --quiet --frozen --output-file .bootstrap/requirements.txt &&
      "$UV" pip sync --python .venv/bin/python .bootstrap/requirements.txt
  fi
}

# Importing every module of ours once leaves the bytecode of all that they import. Without it a start of TensorFlow and
# TFX takes three times as long, and where PYTHONDONTWRITEBYTECODE is set, as in many containers, every start does.
compile_what_is_imported() {
  env -u PYTHONDONTWRITEBYTECODE TF_CPP_MIN_LOG_LEVEL=3 TF_USE_LEGACY_KERAS=0 .venv/bin/python -W ignore -c '
import importlib, pkgutil
for name in ("experiment", "analysis", "ledger", "acquisition", "components", "pipeline", "trainer_module"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from tfx.orchestration.local import local_dag_runner
' >/dev/null 2>&1 || say "some module did not import, so a run may start more slowly; it will say why itself"
}

if is_current; then exit 0; fi
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT # another project's environment is not ours to fill
mkdir -p .bootstrap
PYTHON310=$(find_python310)
find_uv
[ -n "$PYTHON310" ] || fetch_python310
adopt_pip_settings

say "installing the locked packages into .venv with $PYTHON310 (3 GiB; a minute or two the first time)"
if ! is_python310 .venv/bin/python || [ "$(head -n 1 "$STAMP" 2>/dev/null || echo "$ROOT")" != "$ROOT" ]; then
  rm -rf .venv
fi
rm -f "$STAMP"
# Downloads and errors are shown, the list of 280 package names is not. The stamp says whether it went well.
{ install_locked && wanted_stamp >"$STAMP"; } 2>&1 | sed '/^ [-+~] /d'
is_current || fail "the packages could not be installed; the lines above say why. Mend it and run this again."
say "compiling what a run imports (half a minute)"
compile_what_is_imported
say "ready"
