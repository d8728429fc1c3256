# ls and scan: order, ranges, patterns, bytes.
load common

fill() {
    aerials batch <<'END'
{"op":"put","key":"a","value":"1"}
{"op":"put","key":"b/1","value":"2"}
{"op":"put","key":"b/2","value":"3"}
{"op":"put","key":"b/20","value":"4"}
{"op":"put","key":"c*d","value":"5"}
{"op":"put","key":"é","value":"6"}
END
}

list() { aerials ls "$@" | tr '\n' ' '; }

@test "byte order, forwards and backwards" {
    fill
    [ "$(list)" = "a b/1 b/2 b/20 c*d é " ]
    [ "$(list --reverse)" = "é c*d b/20 b/2 b/1 a " ]
    [ "$(list --limit=2)" = "a b/1 " ]
    [ "$(list --reverse --limit=1)" = "é " ]
    [ "$(list --limit=0)" = "" ]
}

@test "prefix, bounds" {
    fill
    [ "$(list b/)" = "b/1 b/2 b/20 " ]
    [ "$(list --from=b/2)" = "b/2 b/20 c*d é " ]
    [ "$(list --to=b/2)" = "a b/1 " ]
    [ "$(list --from=b --to=c)" = "b/1 b/2 b/20 " ]
    [ "$(list b/ --from=b/2)" = "b/2 b/20 " ]
    words 2 ls --limit=-1
    words 2 ls --limit=x
}

@test "patterns" {
    fill
    [ "$(list 'b/*')" = "b/1 b/2 b/20 " ]
    [ "$(list 'b/?')" = "b/1 b/2 " ]
    [ "$(list '*2*')" = "b/2 b/20 " ]
    [ "$(list '?')" = "a é " ]
    [ "$(list 'c\*')" = "c*d " ]
    [ "$(list '*d')" = "c*d " ]
    [ "$(list '*/*0')" = "b/20 " ]
    # a pattern that would take for ever if each * were tried on its own
    aerials put "$(head -c 2000 /dev/zero | tr '\0' a)" x
    words 1 ls "$(printf '*a%.0s' {1..30})*b"
}

@test "nothing matches: exit 1; an empty database: exit 0" {
    words 0 ls
    [ -z "$output" ]
    words 0 scan
    fill
    words 1 ls nothing
    words 1 scan --from=x --to=y
    [ -z "$output$stderr" ]
}

@test "odd keys: raw in a pipe, escaped on a terminal, NUL with -z" {
    aerials put $'new\nline' 1
    aerials put $'\xff' 2
    [ "$(aerials ls | xxd -p)" = "$(printf 'new\nline\n\xff\n' | xxd -p)" ]
    [ "$(aerials ls -z | xxd -p)" = "$(printf 'new\nline\0\xff\0' | xxd -p)" ]
    on_terminal "'$AERIALS' ls"
    [[ $output == *'new\nline'*'\xff'* ]]
    run bash -c "'$AERIALS' ls --json | jq -c 'keys'"
    [ "${lines[0]}" = '["key"]' ]
    [ "${lines[1]}" = '["key64"]' ]
}

@test "ls -l: size, seq, mtime, expiry, key" {
    aerials put k 12345 --meta '{"mtime":"0.5"}' --expires @4000000000
    read -r size seq mtime expires key <<< "$(aerials ls -l)"
    [ "$size" = 5 ]
    [ "$seq" -ge 1 ]
    [ "$mtime" = 1970-01-01T00:00:00Z ]
    [ "$key" = k ]
    [ "$expires" = 2096-10-02T07:06:40Z ]
    json 0 '.size == 5 and .expires == 4000000000000 and .meta.mtime == "0.5"' ls -l
    words 2 ls -l -z
}

@test "scan: JSON lines that give the same bytes back" {
    fill
    aerials put --key64 AP8= < <(printf '\0\xff')
    aerials put nul < <(printf 'a\0b')
    [ "$(aerials scan a)" = '{"key":"a","value":"1"}' ]
    aerials scan nul | jq -e '.value == "a\u0000b"'
    aerials scan --limit 1 | jq -e '.key64 == "AP8=" and .value64 == "AP8="'
    [ "$(aerials scan --keys-only b/1)" = '{"key":"b/1"}' ]
    aerials init copy
    aerials scan | aerials -d copy import - --format=jsonl -q
    cmp <(aerials scan) <(aerials -d copy scan)
}

@test "scan of a value of many pieces" {
    head -c 9000000 /dev/urandom > big
    aerials put big < big
    aerials scan | jq -r .value64 | base64 -d | cmp big -
}
