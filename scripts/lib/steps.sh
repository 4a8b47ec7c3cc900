# SPDX-License-Identifier: Apache-2.0
# Steps of scripts/setup.sh: one line each with its time, its output in $log, its stamp in .venv.
# Sourced by setup.sh, which sets $root, $venv, $log and $kind.

say() { printf '  %s\n' "$*"; }

fail() {
    printf '\nset-up failed: %s\n' "$*" >&2
    exit 1
}

done_steps=0

# Say every 15 s how long $1 has taken and what its output says last, until killed.
tell_progress() {
    local start=$SECONDS last
    # Its sleep may outlive it, and must not hold open a pipe that someone reads to its end.
    while sleep 15 </dev/null >/dev/null 2>&1; do
        last="$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep -v -e '^ *$' -e '^WARNING' | tail -n 1)" || last=''
        printf '      %3d s  %.80s\n' "$((SECONDS - start))" "$last"
    done
}

# What the output of a step, read from stdin, says of a network that cannot be reached, or nothing.
# pip itself ends with `No matching distribution found`, as if a pin were wrong.
network_trouble() {
    sed -nE -e "s/.*Retry\(total=0,.* connection broken by '(.*)': .*/\1/p" \
        -e 's/.*(Max retries exceeded with url|Read timed out)/\1/p' |
        sed -E -e 's/.*(\[Errno[^]]*\] [[:alpha:] ]+).*/\1/' -e 's/<[^>]*>:? ?//' | tail -n 1
}

# step TITLE COMMAND…: run it and print one line with its time; its output goes to the log.
step() {
    local title="$1" start=$SECONDS status=0 ticker begin trouble
    shift
    printf '  %s …\n' "$title"
    printf '\n==== %s\n' "$title" >>"$log"
    begin="$(wc -c <"$log")"
    tell_progress 9>&- &
    ticker=$!
    # In a subshell with errexit of its own: `||` would switch it off inside the command.
    set +e
    (set -e; "$@") >>"$log" 2>&1 9>&-
    status=$?
    set -e
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    if [ "$status" != 0 ]; then
        trouble="$(tail -c "+$begin" "$log" | network_trouble)"
        [ -z "$trouble" ] || fail "$title: no connection to the package index ($trouble)." \
            "This step needs a network; run this again when there is one (details: ${log#"$root"/})"
        printf -- '---- the end of %s:\n' "${log#"$root"/}" >&2
        tail -n 25 "$log" >&2
        fail "$title (exit status $status); the whole output is in ${log#"$root"/}"
    fi
    printf '  %s: done in %d s\n' "$title" "$((SECONDS - start))"
    done_steps=$((done_steps + 1))
}

# once NAME TITLE COMMAND SOURCE…: a step, skipped while none of its sources has changed.
# A source is a file, or `text:` and what to compare instead.
once() {
    local name="$1" title="$2" command="$3" stamp source
    shift 3
    stamp="$(
        {
            cat "$venv/base" "$venv/pyvenv.cfg"
            for source in "$@"; do
                case "$source" in
                    text:*) printf '%s\n' "${source#text:}" ;;
                    *) printf '%s\n' "$source" && cat "$source" ;;
                esac
            done
        } | sha256sum | cut -d ' ' -f 1
    )"
    if [ "$(cat "$venv/stamps/$name" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    step "$title" "$command"
    mkdir -p "$venv/stamps"
    printf '%s\n' "$stamp" >"$venv/stamps/$name"
}

finish() {
    if [ "$done_steps" = 0 ]; then
        say "set-up: nothing to do ($distro, $(describe_base))"
    else
        say "set-up: done in $SECONDS s ($distro, $(describe_base)); now: source setup.bash"
    fi
}
