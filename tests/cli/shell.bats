# aerials shell: the verbs without the word aerials, and the words of AerialsDB.
load common

shell() { printf '%s\n' "$@" | aerials shell; }

@test "verbs, quotes, comments, empty lines" {
    run shell "put a 'one two'" '' '# a comment' 'put "b c" "say \"hi\""' 'get a' 'get "b c"' 'ls' 'put d e\ f' 'get d'
    [ "$status" = 0 ]
    [ "$output" = $'one twosay "hi"a\nb c\ne f' ] || { echo "$output"; return 1; }
}

@test "bset, bget, bkeys as in AerialsDB" {
    run shell 'bset user:1 Ann' 'bset user:2 Bob' 'bset other x' 'bget user:1' 'bget user:*' 'bget user:* 10' 'bkeys user:*' 'bkeys *' 'bkeys user:1' 'bget user:?'
    [ "$status" = 1 ]
    [ "$output" = '[Value 1:] Ann
[Value 1:] Ann
[Value 1:] Ann
[Value 2:] Bob
user:1
user:2
other
user:1
user:2
user:1' ] || { echo "$output"; return 1; }
    run shell 'bset a*b x'
    [ "$status" = 2 ]
    run shell 'bset k -5' 'bget k' 'bset k other' 'bget k'
    [ "$output" = $'[Value 1:] -5\n[Value 1:] other' ]
}

@test "an exact bget does not take a longer key" {
    run shell 'bset ab 1' 'bget a' 'bkeys a' 'bget ab'
    [ "$output" = '[Value 1:] 1' ]
}

@test "clean asks, reset removes the files too" {
    run shell 'bset k v' 'clean' 'get k'
    [ "$status" = 2 ]
    [[ $output == *"hint: clean --yes"* ]]
    run shell 'reset'
    [[ $output == *"hint: reset --yes"* ]]
    run shell 'clean --yes -q' 'ls'
    [ "$status" = 0 ]
    [ -z "$output" ]
    run shell 'bset k v' 'reset --yes -q' 'ls' 'bset l w' 'bkeys *'
    [ "$status" = 0 ]
    [ "$output" = l ]
}

@test "a failing line ends a script, and is named; a plain no does not" {
    run --separate-stderr shell 'put a 1' 'get nothing' 'put b 2' 'frob' 'put c 3'
    [ "$status" = 2 ]
    [[ $stderr == *'line 4'* ]]
    [ "$(aerials ls | tr '\n' ' ')" = "a b " ]
    run shell "put a 'open"
    [ "$status" = 2 ]
    [[ $output == *quote* ]]
    run shell 'put k'
    [ "$status" = 2 ]
    run shell 'shell'
    [ "$status" = 2 ]
}

@test "init, use, -d, --json, exit" {
    run shell 'init other' 'put k other' "use $DB" 'put k first' 'get k --json' 'get k -d other' 'exit' 'frob'
    [ "$status" = 0 ]
    [ "${lines[0]}" = '{"schema":1,"ok":true,"key":"k","value":"first","size":5,"seq":1}' ] || [[ ${lines[0]} == *'"value":"first"'* ]]
    [ "${lines[1]}" = other ]
    run shell 'use nowhere' 'get k'
    [ "$status" = 10 ]
}

@test "without a database it starts, and init makes one" {
    unset AERIALS_DB
    run bash -c 'printf "init new\nput a 1\nget a\n" | "$AERIALS" shell'
    [ "$status" = 0 ]
    [ "$output" = 1 ]
}

# libedit keeps the name of the function that completes, for good.
no_leak_check() { export ASAN_OPTIONS=detect_leaks=0; }

# A shell on a terminal of its own; `shown` has what it showed. Typing waits for what the shell answers, however slow.
start_shell() {
    mkfifo keys
    script -qefc "'$AERIALS' shell" shown < keys > /dev/null 3>&- &
    terminal=$!
    exec 4> keys
    wait_for 1 'aerials> '
}
# wait_for COUNT TEXT: until TEXT was shown so often.
wait_for() {
    local tries=0
    until [ "$(grep -oF -- "$2" shown | wc -l)" -ge "$1" ]; do
        sleep 0.05
        if [ $((tries += 1)) -gt 600 ]; then
            cat -v shown
            return 1
        fi
    done
}
type_in() { printf '%b' "$1" >&4; }
end_shell() {
    exec 4>&-
    wait "$terminal"
}

@test "on a terminal: prompt, completion, history" {
    no_leak_check
    start_shell
    type_in 'put unusual value\n'
    wait_for 2 'aerials> '
    type_in 'bke\tunus*\n'
    wait_for 3 'aerials> '
    type_in 'exit\n'
    end_shell
    tr -d '\r' < shown | grep -qx unusual
    grep -q 'put.*value' "$HOME/.aerials_history"
}

@test "on a terminal the answer to a question that fails is no failure of the shell" {
    no_leak_check
    start_shell
    type_in 'get nothing\nexit\n'
    end_shell
}

@test "on a terminal ^C stops the line or the verb, not the shell" {
    no_leak_check
    start_shell
    type_in 'put half'
    wait_for 1 'put half'
    type_in '\003'
    wait_for 2 'aerials> '
    type_in 'put k value\nget k\nexit\n'
    end_shell
    [ "$(aerials get k)" = value ]
    words 1 get half
}
