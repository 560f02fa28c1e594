#!/bin/sh
# Makes .venv: a Python, the packages that uv.lock names for it, and this project, editable. `make setup` runs it.
#
# Where glibc is 2.39 or later, and on Apple silicon, it takes the newest of Python 3.13, 3.12 and 3.11, with TFX 1.21;
# elsewhere Python 3.10, with TFX 1.16. THAW_PYTHON=3.10 (or 3.11, 3.12, 3.13) chooses another, which later calls keep:
# THAW_PYTHON chooses again, and without .venv (make clean) the system decides again.
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
ASKED=.bootstrap/asked-python # the Python that was chosen or kept, until the stamp says so

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# The folder is part of the stamp: scripts in .venv/bin hold absolute paths, so a moved clone needs new ones.
wanted_stamp() {
  printf '%s\n' "$ROOT"
  printf '%s\n' "$WANTED"
  cat pyproject.toml setup.py uv.lock bootstrap.sh third_party/*/*.py third_party/*/*.toml | cksum
}
is_current() {
  [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(wanted_stamp)" ] && .venv/bin/python -c '' 2>/dev/null
}

# Versions of Python that work here, the best first. TFX 1.21's packages are built for glibc 2.39.
wanted_pythons() {
  case ${THAW_PYTHON:-} in
    '') if [ -n "$(kept_python)" ]; then kept_python; else default_pythons; fi ;;
    3.10) echo 3.10 ;;
    3.11 | 3.12 | 3.13)
      [ -z "$(glibc_version)" ] || has_current_libraries ||
        fail "THAW_PYTHON is $THAW_PYTHON, whose TFX 1.21 needs glibc 2.39; here is $(libc_found)." \
          "Leave THAW_PYTHON out, or use Ubuntu 24.04, Debian 13, RHEL 10 or later."
      echo "$THAW_PYTHON"
      ;;
    *) fail "THAW_PYTHON is '$THAW_PYTHON'; Thaw runs on 3.10, 3.11, 3.12 and 3.13." ;;
  esac
}
default_pythons() {
  if has_current_libraries; then
    echo 3.13 3.12 3.11
  elif [ -n "$(glibc_version)" ]; then
    echo 3.10
  else
    fail "no glibc was found on this system ($(uname -sm)); TFX's packages need one, or macOS on Apple silicon." \
      "Use a Linux container; or, if glibc is there and getconf is not, set THAW_PYTHON=3.13 (or 3.10)."
  fi
}
# The one Python that .venv was made for, or is to be made for by a setup that was interrupted; nothing if the system may choose, or can no longer run it.
kept_python() {
  kept=$(sed -n 2p "$STAMP" 2>/dev/null || cat "$ASKED" 2>/dev/null) || kept=
  case $kept in
    3.10) if [ "$(default_pythons 2>&1)" != 3.10 ]; then echo 3.10; fi ;;
    3.11 | 3.12 | 3.13) if [ -z "$(glibc_version)" ] || has_current_libraries; then echo "$kept"; fi ;;
  esac
}
has_current_libraries() {
  [ "$(uname -sm)" = "Darwin arm64" ] || at_least 2.39 "$(glibc_version)"
}
libc_found() {
  if [ -n "$(glibc_version)" ]; then echo "glibc $(glibc_version)"; else echo "no glibc"; fi
}
glibc_version() { getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9][0-9.]*\)$/\1/p'; }
at_least() { # VERSION FOUND
  [ -n "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# A pyenv shim answers to the name without running, and some builds lack modules that TFX needs: so ask each.
is_python() { # VERSION COMMAND
  "$2" -c 'import sys, bz2, ctypes, lzma, sqlite3, ssl; sys.exit("%d.%d" % sys.version_info[:2] != "'"$1"'")' 2>/dev/null
}
find_python() { # VERSION
  for candidate in "python$1" python3 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/"$1".*/bin/"python$1" \
    "$(pyenv root 2>/dev/null)"/versions/"$1".*/bin/"python$1" \
    /usr/bin/"python$1" /usr/local/bin/"python$1" /opt/*/bin/"python$1"; do
    if is_python "$1" "$candidate"; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))' # not that of an active venv
      return
    fi
  done
}
find_wanted_python() {
  for SERIES in $WANTED; do
    PYTHON=$(find_python "$SERIES")
    if [ -n "$PYTHON" ]; then return; fi
  done
  SERIES=${WANTED%% *}
}

uv_will_do() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#uv }
  at_least "$UV_OLDEST" "${version%% *}"
}

pip_install_uv() { "$@" --quiet --disable-pip-version-check --only-binary :all: "uv==$UV_VERSION"; }

# Debian's Python may come without venv, without pip, or without both: try each way with each Python.
install_uv() {
  for python in ${PYTHON:+"$PYTHON"} python3 python; do
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

fetch_python() {
  say "no Python $SERIES found here; fetching one with uv"
  # Only uv's own builds: a search of PATH would stop at a broken shim.
  UV_PYTHON_PREFERENCE=only-managed
  UV_PYTHON_INSTALL_BIN=0
  export UV_PYTHON_PREFERENCE UV_PYTHON_INSTALL_BIN
  "$UV" python install "$SERIES" && PYTHON=$("$UV" python find "$SERIES") || PYTHON=
  is_python "$SERIES" "$PYTHON" ||
    fail "Thaw needs Python $WANTED (the first that is found); none runs here, and uv could not fetch $SERIES." \
      "Install it (Debian, Ubuntu: python$SERIES; or pyenv install $SERIES), or let uv reach a mirror through" \
      "UV_PYTHON_INSTALL_MIRROR, and run this again."
}

# One of pip's settings from its configuration files or PIP_* variables; nothing where pip is not installed.
pip_setting() {
  "${PYTHON:-python3}" -m pip config list 2>/dev/null |
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
    "$UV" sync --frozen --python "$PYTHON"
  else
    "$UV" venv --quiet --allow-existing --python "$PYTHON" .venv &&
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

WANTED=$(wanted_pythons)
if is_current; then exit 0; fi
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT # another project's environment is not ours to fill
mkdir -p .bootstrap
if [ -n "${THAW_PYTHON:-}$(kept_python)" ]; then printf '%s\n' "$WANTED" >"$ASKED"; fi
find_wanted_python
find_uv
[ -n "$PYTHON" ] || fetch_python
adopt_pip_settings

if [ -z "${THAW_PYTHON:-}" ] && [ -n "$(kept_python)" ]; then
  say "keeping Python $SERIES, which .venv was made for; THAW_PYTHON=3.13 (or another) or make clean changes it"
elif [ "$SERIES" = 3.10 ]; then
  if [ -n "${THAW_PYTHON:-}" ]; then why="THAW_PYTHON asks for it"; else why="TFX 1.21 needs glibc 2.39; here is $(libc_found)"; fi
  say "taking Python 3.10 and TFX 1.16, which are out of support: $why"
fi
say "installing the locked packages into .venv with $PYTHON (3 GiB; a minute or two the first time)"
if ! is_python "$SERIES" .venv/bin/python || [ "$(head -n 1 "$STAMP" 2>/dev/null || echo "$ROOT")" != "$ROOT" ]; then
  rm -rf .bootstrap/replaced
  if [ -d .venv ]; then mv .venv .bootstrap/replaced; fi # comes back where the new one can't be installed
fi
rm -f "$STAMP"
# Downloads and errors are shown, the list of 280 package names is not. The stamp says whether it went well.
{ install_locked && wanted_stamp >"$STAMP"; } 2>&1 | sed '/^ [-+~] /d'
if ! is_current; then
  if [ -d .bootstrap/replaced ]; then
    rm -rf .venv
    mv .bootstrap/replaced .venv
  fi
  fail "the packages could not be installed; the lines above say why. Fix it and run this again."
fi
rm -rf .bootstrap/replaced "$ASKED"
say "compiling what a run imports (half a minute)"
compile_what_is_imported
say "ready"
