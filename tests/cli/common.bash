# common.bash -- what every file here loads: a fresh directory a test, and the command under test.
#
# $AERIALS is the command; tests call `aerials`, and DB is a fresh database that $AERIALS_DB names.

bats_require_minimum_version 1.5.0

setup() {
    : "${AERIALS:?the path of the command}"
    mkdir "$BATS_TEST_TMPDIR/work" && cd "$BATS_TEST_TMPDIR/work" || return 1
    export HOME=$PWD LC_ALL=C.UTF-8
    unset NO_COLOR COLUMNS
    DB=$PWD/db
    export AERIALS_DB=$DB
    aerials init
}

aerials() { "$AERIALS" "$@"; }

# words EXPECTED-EXIT ARGS...: run, keep data in $output and words in $stderr.
words() {
    local expected=$1
    shift
    run --separate-stderr "-$expected" "$AERIALS" "$@"
}

# json EXPECTED-EXIT JQ-FILTER ARGS...: with --json the answer parses, and the filter holds for it.
json() {
    local expected=$1 filter=$2
    shift 2
    run --separate-stderr "-$expected" "$AERIALS" --json "$@"
    jq -es ".[-1] | $filter" <<< "$output" > /dev/null || {
        echo "not so: $filter"
        echo "$output"
        return 1
    }
}

# on_terminal COMMAND: run it on a terminal of its own; what it showed is in $output.
on_terminal() {
    run script -qec "$1" /dev/null
}
