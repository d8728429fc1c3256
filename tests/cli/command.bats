# The command as such: verbs, options, help, output that fails, signals.
load common

@test "no verb, an unknown verb, a near one" {
    words 2
    [[ $stderr == *usage:* ]]
    words 2 putt
    [[ $stderr == *"unknown verb 'putt'"*"aerials put"* ]]
    words 2 frobnicate
    [[ $stderr == *"aerials help"* ]]
    words 2 bset
    [[ $stderr == *"aerials shell"* ]]
    json 2 '.ok == false and .schema == 1 and .error.exit == 2 and (.error.hint | length > 0)' putt
    run -2 --separate-stderr "$AERIALS" putt --json
    jq -e '.error.code == "usage"' <<< "$output"
}

@test "unknown options and missing operands: one line, and where to look" {
    for line in "get --frob" "get" "get a b" "put" "get a --offset" "ls --limit" "del" "exists" "incr" "-x ls" "get -j a" \
        "bucket" "bucket frob" "bucket show" "bucket ls x" "bucket path a b" "bucket show xyz" "locate" "completion" "completion csh" "import" "help nothing" \
        "compact --min-dead=101" "seal now" "--wait=x ls" "config a b c" "ls --limit=1=2" "ls --reverse=yes"; do
        # shellcheck disable=SC2086
        words 2 $line
        [ -z "$output" ] || { echo "$line: $output"; return 1; }
        [ "${#stderr_lines[@]}" -le 2 ]
        [[ ${stderr_lines[0]} == "aerials: "* ]]
        # shellcheck disable=SC2086
        json 2 '.ok == false and .error.exit == 2' $line
    done
}

@test "global options stand before or behind the verb" {
    aerials put k v
    jq -e '.value == "v"' <<< "$(aerials get --json k)"
    jq -e '.value == "v"' <<< "$(aerials get k --json)"
    jq -e '.value == "v"' <<< "$(aerials --json get k)"
    [ "$(aerials get k -d "$DB")" = v ]
    [ "$(aerials "--db=$DB" get k)" = v ]
}

@test "help of each verb: one sentence first, two examples last, one screen" {
    for verb in $(aerials --json help | jq -r '.verbs[].name'); do
        words 0 "$verb" --help
        [[ ${lines[0]} == *. ]]
        [ "${lines[1]:0:6}" = usage: ]
        [ "${#lines[@]}" -le 24 ]
        [ "$(awk 'length > 100' <<< "$output")" = '' ]
        [[ ${lines[-3]} == Examples: ]]
        [[ ${lines[-2]} == "  aerials $verb"* ]]
        [ "$(aerials help "$verb")" = "$output" ]
        json 0 '.ok and .name == "'"$verb"'"' help "$verb"
    done
    words 0 --help
    [ "${#lines[@]}" -le 40 ]
    [ "${lines[-3]}" = Examples: ]
    [[ ${lines[-2]} == "  aerials "* && ${lines[-1]} == "  aerials "* ]]
}

@test "the manual page names every verb" {
    aerials help --man > aerials.1
    for verb in $(aerials --json help | jq -r '.verbs[].name'); do grep -q "^.SS $verb" aerials.1; done
    if command -v man > /dev/null; then [ "$(man --warnings -l aerials.1 2>&1 > /dev/null | wc -l)" = 0 ]; fi
}

@test "completions are valid scripts that complete" {
    aerials completion bash > c.bash
    bash -n c.bash
    complete_for() { # WORDS...: what bash would offer for the last one
        bash -c 'source ./c.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _aerials; echo "${COMPREPLY[*]}"' - "$@"
    }
    [ "$(complete_for aerials imp)" = import ]
    [[ $(complete_for aerials put --if) == --if-absent ]]
    [[ $(complete_for aerials -d x ls --rev) == --reverse ]]
    [ "$(complete_for aerials -d x table '')" = "create ls show drop rename" ]
    [ "$(complete_for aerials index re)" = rebuild ]
    [[ $(complete_for aerials table create --sto) == --storage= ]]
    touch a-file
    [ "$(complete_for aerials bucket show a-f)" = a-file ]
    if command -v zsh > /dev/null; then aerials completion zsh > c.zsh && zsh -n c.zsh; fi
    if command -v fish > /dev/null; then aerials completion fish > c.fish && fish -n c.fish; fi
    aerials completion zsh | grep -q '^#compdef aerials'
    aerials completion fish | grep -q 'complete -c aerials'
    json 0 '.script | length > 100' completion bash
}

@test "version" {
    words 0 version
    [[ $output == "aerials "*"format 1"* ]]
    [ "$(aerials --version)" = "$output" ]
    json 0 '.format == 1 and (.version | length > 0)' version
}

@test "output that cannot be written: exit 5" {
    aerials put k v
    for line in "get k" "ls" "scan" "status" "help" "version" "completion bash" "get k --json" "config" "bucket ls" "export -"; do
        # shellcheck disable=SC2086
        run -5 bash -c '"$AERIALS" "$@" > /dev/full' - $line
        # shellcheck disable=SC2086
        run -5 bash -c '"$AERIALS" "$@" >&-' - $line
    done
    aerials ls | grep -qx k
}

@test "closed descriptors never end up in the database" {
    run bash -c '"$AERIALS" put k v <&- >&- 2>&-'
    run bash -c '"$AERIALS" get nothing <&- >&- 2>&-'
    [ "$(aerials get k)" = v ]
}

@test "a reader that goes away ends it quietly" {
    seq 30000 | sed 's/.*/{"op":"put","key":"key-number-&","value":"v"}/' | aerials batch
    run --separate-stderr bash -c 'set -o pipefail; "$AERIALS" ls | head -1'
    [ "$status" = 141 ]
    [ "$output" = key-number-1 ]
    [ -z "$stderr" ]
    run --separate-stderr bash -c 'trap "" PIPE; set -o pipefail; "$AERIALS" ls | head -1'
    [ "$status" = 141 ]
    [ -z "$stderr" ]
}

@test "an interrupt: 128+n, and what was not committed is not there" {
    mkfifo pipe
    for signal in INT:130 TERM:143; do
        env --default-signal=INT "$AERIALS" batch pipe &
        pid=$!
        exec 7> pipe
        echo '{"op":"put","key":"k","value":"v"}' >&7
        sleep 0.2
        kill -"${signal%:*}" $pid
        rc=0
        wait $pid || rc=$?
        exec 7>&-
        [ $rc = "${signal#*:}" ]
        words 1 get k
    done
}

@test "another writer has the turn: exit 11 after --wait" {
    mkfifo pipe
    "$AERIALS" batch pipe &
    exec 7> pipe
    echo '{"op":"put","key":"k","value":"v"}' >&7
    sleep 0.3
    words 11 --wait=100ms put other x
    [[ $stderr == *hint:*--wait* ]]
    json 11 '.error.code == "busy"' --wait=0s put other x
    words 1 get k
    exec 7>&-
    wait
    [ "$(aerials get k)" = v ]
    aerials put other x
}

@test "many operands" {
    seq 50000 | sed 's/.*/{"op":"put","key":"k&","value":"v"}/' | aerials batch
    # shellcheck disable=SC2046
    aerials del $(seq -f k%.0f 1 50000)
    [ -z "$(aerials ls)" ]
}
