# Sourced by the other scripts: where things are, and how to configure and build a preset.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)

# ccache wants a home; a bare container may have none.
if [[ -z ${HOME:-} && -z ${CCACHE_DIR:-} ]]; then
  export CCACHE_DIR=$root/build/.ccache
fi

# Files with a precompiled header are cached only if its macros and times may be overlooked.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
# What a file depends on the compiler tells anyway: no preprocessing beforehand.
export CCACHE_DEPEND=1

# The comment at the head of the script that was called.
usage() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

say() {
  printf '%s\n' "$*" >&2
}

# Configures build/NAME with the given arguments unless that was done already. Ninja runs CMake again by itself when a
# CMake file changes, but does not know of the presets.
configure() {
  local name=$1
  shift
  local ninja_file=$root/build/$name/build.ninja
  if [[ ! -e $ninja_file || $root/CMakePresets.json -nt $ninja_file ]]; then
    say "configuring build/$name"
    mkdir -p "$root/build/$name"
    local log=$root/build/$name/configure.log
    if ! (cd "$root" && cmake "$@" >"$log" 2>&1); then
      cat "$log" >&2
      rm -f "$ninja_file"
      return 1
    fi
    touch "$ninja_file"
  fi
}

# Builds targets (all without a name) in build/NAME, in silence when there is nothing to do. The lock keeps two scripts from
# building in one directory at once.
build() {
  local name=$1
  shift
  flock --close "$root/build/$name/.lock" ninja -C "$root/build/$name" -j "$jobs" --quiet "$@" 2>&1 |
    grep -v -x 'ninja: no work to do.' >&2
  return "${PIPESTATUS[0]}"
}
