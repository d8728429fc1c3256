# insert, update, delete: rows in every form an input may have, and all of them or none.
load common

# The rows of a table, sorted; each is a file.
rows() { find "$DB/tables/$1/data" -type f -exec cat {} + 2> /dev/null | LC_ALL=C sort; }
count() { rows "$1" | wc -l; }
people() { aerials table create people name:str:pk age:int city:str; }
names() { rows people | jq -r .name | tr '\n' ' '; }

# Until another process has the writer's turn.
until_taken() {
    local tries=0
    while "$AERIALS" --wait=0s put k v 2> /dev/null; do
        sleep 0.05
        [ $((tries += 1)) -lt 600 ]
    done
}

is_id() { [[ $1 =~ ^[1-9A-Z]{20}$ ]]; }

# refused PATTERN [ARGS...]: standard input is not stored, and why is said.
refused() {
    local pattern=$1 before
    shift
    before=$(rows people)
    run -2 --separate-stderr "$AERIALS" insert people "$@"
    [ -z "$output" ]
    # shellcheck disable=SC2053
    [[ $stderr == $pattern ]] || { echo "$stderr"; return 1; }
    [ "$(rows people)" = "$before" ]
}

@test "one row on the command line: its id, its file" {
    people
    words 0 insert people '{"name":"Ann", "city":"Ulm"}'
    is_id "$output"
    [ -z "$stderr" ]
    [ "$(rows people)" = '{"age":null,"city":"Ulm","name":"Ann"}' ] || [ "$(rows people)" = '{"city":"Ulm","name":"Ann"}' ]
    words 0 insert people $' \n\t[ {"name":"Bob"} , {"name":"Cid"} ] '
    [ "${#lines[@]}" = 2 ]
    is_id "${lines[0]}" && is_id "${lines[1]}"
    [ "$(names)" = "Ann Bob Cid " ]
    json 0 '.ok and .schema == 1 and .count == 1 and (.ids | length) == 1 and (.ids[0] | test("^[1-9A-Z]{20}$"))' \
        insert people '{"name":"Dan"}'
}

@test "JSON lines, objects behind each other, over several lines, arrays; from a file, -, and a pipe" {
    people
    printf '{"name":"a"}\n\n  {"name":"b"}\r\n{"name":\n"c"\n}{"name":"d"}\t[{"name":"e"},\n{"name":"f"}]\n[]{"name":"g"}' > input
    [ "$(aerials insert people input | sort -u | wc -l)" = 7 ]
    [ "$(names)" = "a b c d e f g " ]
    json 0 '.count == 7' delete people --all
    [ "$(aerials insert people - < input | sort -u | wc -l)" = 7 ]
    json 0 '.count == 7' delete people --all
    # shellcheck disable=SC2002
    cat input | aerials insert people > ids
    [ "$(wc -l < ids)" = 7 ]
    [ "$(names)" = "a b c d e f g " ]
}

@test "brackets, quotes and escapes within strings are none" {
    aerials table create any
    printf '%s\n' '{"a":"}{][\"","b\\":"\\"}' '[{"c":"\\\\\"]}"},{"d":["[",{"e":"}"}]}]' | aerials insert any
    [ "$(rows any)" = '{"a":"}{][\"","b\\":"\\"}
{"c":"\\\\\"]}"}
{"d":["[",{"e":"}"}]}' ] || { rows any; return 1; }
}

@test "nothing in, nothing stored: exit 0" {
    people
    for input in '' ' ' $'\n\n' '[]' '[ ]' '[][]'; do
        run -0 --separate-stderr "$AERIALS" insert people <<< "$input"
        [ -z "$output$stderr" ]
        run -0 "$AERIALS" insert people --json <<< "$input"
        jq -e '.ok and .count == 0 and .ids == []' <<< "$output"
    done
    run -0 "$AERIALS" insert people --json --batch=2 < /dev/null
    jq -e '.ok and .ids == []' <<< "$output"
    words 0 insert people '[]'
    [ -z "$(rows people)" ]
}

@test "what is no row is named with its row, line and byte, and nothing is stored" {
    people
    refused '*insert: byte 8: *' '{"name"x:1}'
    for bad in '{"name":}' '{"name":"b"' '{"name":"b"]' '["b"]' '{"name":"b}' '{"name":"b",}' 'nonsense' '5' '"text"' 'null' \
        '{"name":"b"}}' '{"name":"b"} x' '{"name":"b","name":"b"}' '{"name":"\ud800"}' $'{"name":"\xff"}' '{"name":NaN}' '[]]' \
        '{"name":"b"},' ',' ']' '}' ':' "{'name':'b'}" $'\xef\xbb\xbf{"name":"b"}' '{"name":"b" {"name":"x"}'; do
        printf '{"name":"a"}\n%s\n{"name":"c"}\n' "$bad" > input
        refused '*row [23] (line 2*nothing was stored*' input || { echo "$bad"; return 1; }
        json 2 '.ok == false and .error.code == "invalid"' insert people input
        # the same at the end of the input
        printf '{"name":"a"}\n%s' "$bad" > input
        refused '*row [23] (line 2*nothing was stored*' input || { echo "at the end: $bad"; return 1; }
    done
    printf '{"name":"a"}\n{"name":"b" "x"}\n' > input
    refused '*row 2 (line 2); nothing was stored: *byte 1?: *' input
    printf '{"name":"a"}\n{"name":"b","a":1\n{"name":"c"}\n' > input
    refused '*row 2 (line 2)*' input
    refused '*row 1 (line 1); nothing was stored: *' '[5]'
}

@test "an array that is not right" {
    people
    refused '*row 2 (line 1); nothing was stored: a comma or ] is missing*' '[{"name":"a"} {"name":"b"}]'
    refused '*row 2 *a row is missing between the comma and the ]*' '[{"name":"a"},]'
    refused '*row 2 *a row is missing before the comma*' '[{"name":"a"},,{"name":"b"}]'
    refused '*row 1 *a row is missing before the comma*' '[,]'
    refused '*row 2 (line 4)*the array that began on line 2*' <<< $'\n[{"name":"a"}\n'
    refused '*the array that began on line 1*' '[{"name":"a"},'
    refused '*row 1 (line 1)*the array that began on line 1*' '['
    refused '*row 2 *' '[{"name":"a"},[{"name":"b"}]]'
    refused '*row 2 *' '[{"name":"a"},{"name":"b"]'
}

@test "a row against the columns: exit 2, and the column is named" {
    people
    for bad in '{"name":"b","age":"x"}' '{"name":"b","age":1.5}' '{"name":"b","agee":1}' '{"name":5}'; do
        refused '*row?2*(line?2)*' < <(printf '{"name":"a"}\n%s\n' "$bad") || { echo "$bad"; return 1; }
        [[ $stderr == *age* || $stderr == *name* ]]
    done
}

@test "unique and not null: exit 6, the column, the other row; nothing is stored" {
    people
    id=$(aerials insert people '{"name":"Ann"}')
    words 6 insert people '{"name":"Ann"}'
    [[ $stderr == *name*"$id"* ]] || { echo "$stderr"; return 1; }
    [ -z "$output" ]
    json 6 '.ok == false and .error.code == "conflict" and .error.exit == 6 and (.error.message | test("name"))' \
        insert people '{"name":"Ann"}'
    [[ $output == *"$id"* ]]
    run -6 --separate-stderr "$AERIALS" insert people <<< '{"name":"Bob"}{"name":"Ann"}{"name":"Cid"}'
    [[ $stderr == *"row 2 (line 1); nothing was stored"*name*"$id"* ]]
    run -6 --separate-stderr "$AERIALS" insert people <<< '[{"name":"Bob"},{"name":"Bob"}]'
    [[ $stderr == *"row 2"* ]]
    words 6 insert people '{"age":5}'
    [[ $stderr == *name* ]]
    words 6 insert people '{"name":null}'
    [ "$(names)" = "Ann " ]
    aerials insert people '{"name":"Bob"}'
    words 6 update people --where "name = 'Bob'" --set "name = 'Ann'"
    [[ $stderr == *name*"$id"* ]]
    words 6 update people --all --set "name = 'same'"
    [ "$(names)" = "Ann Bob " ]
}

@test "--batch: what was committed stays, and is said" {
    people
    seq 7 | sed 's/.*/{"name":"n&"}/' > input
    words 0 insert people input --batch=3
    [ "$(sort -u <<< "$output" | wc -l)" = 7 ]
    [[ $stderr == *"7 rows, committed every 3"* ]]
    words 0 delete people --all
    run -0 "$AERIALS" insert people input --batch=3 --json
    [ "$(jq -s '[.[] | .count]' -c <<< "$output")" = '[3,3,1]' ]
    words 0 delete people --all
    run -0 "$AERIALS" insert people input --batch=7 --json
    [ "$(jq -s '[.[] | .count]' -c <<< "$output")" = '[7]' ]
    words 0 delete people --all
    echo '{"name":"n8"}{"name":"n1"}' >> input
    run -6 --separate-stderr "$AERIALS" insert people input --batch=3
    [ "${#lines[@]}" = 6 ]
    [[ $stderr == *"row 9 (line 8); the first 6 rows are stored, the others not"* ]] || { echo "$stderr"; return 1; }
    [ "$(names)" = "n1 n2 n3 n4 n5 n6 " ]
    json 6 '.ok == false' insert people input --batch=3
}

@test "the row that a pipe brings last, and many of them across the reader's blocks" {
    aerials table create any
    # rows of every length around the size of a block, within an array on one line
    python3 - > input << 'END'
import json
print("[" + ",".join(json.dumps({"n": i, "s": "x]}{\\\"" * (i * 37 % 3001)}) for i in range(60)) + "]", end="")
END
    aerials insert any < input > ids
    [ "$(sort -u ids | wc -l)" = 60 ]
    [ "$(rows any | jq -cS . | sort)" = "$(jq -cS '.[]' input | sort)" ]
}

@test "a row of more than 16 MiB is refused" {
    aerials table create any
    (printf '{"a":"' && head -c 16777216 /dev/zero | tr '\0' x && printf '"}\n{"b":1}\n') > input
    words 2 insert any input
    [[ $stderr == *"row 1 (line 1)"* ]]
    [ -z "$(rows any)" ]
}

@test "a bad row is refused at once, however much comes behind it" {
    people
    mkfifo pipe
    for bad in '{"name":"b}' $'{"name":"b"\n{"name":"c"}' '{"name":["b"}' nonsense '["b"]'; do
        timeout 60 "$AERIALS" insert people pipe 2> words &
        exec 7> pipe
        printf '{"name":"a"}\n%s\n' "$bad" >&7
        rc=0
        wait $! || rc=$? # the pipe stays open: it must not wait for more
        exec 7>&-
        [ $rc = 2 ] || { echo "$bad: $rc"; return 1; }
        grep -q 'line 2' words
    done
    run bash -c '{ printf "{\"name\":\""; head -c 300000000 /dev/zero | tr "\0" x; } 2> tr.words | "$AERIALS" insert people; echo "${PIPESTATUS[@]}"'
    [[ ${lines[-1]} == "141 2" ]] || { echo "$output"; return 1; } # the pipe broke before its end
    [ -z "$(rows people)" ]
}

@test "depth, and what brackets without an end do" {
    aerials table create any
    nested() { printf '{"a":%s%s}' "$(printf '[%.0s' $(seq "$1"))" "$(printf ']%.0s' $(seq "$1"))"; }
    words 0 insert any "$(nested 63)"
    words 2 insert any "$(nested 64)"
    for many in 100 5000 100000; do
        run -2 --separate-stderr "$AERIALS" insert any < <(printf '{"a":' && head -c $many /dev/zero | tr '\0' '[')
        run -2 --separate-stderr "$AERIALS" insert any < <(head -c $many /dev/zero | tr '\0' '[')
    done
}

@test "a missing file, a directory, no turn" {
    people
    words 2 insert people no-such-file
    [[ $stderr == *"no-such-file"*"hint: "* ]]
    words 5 insert people .
    mkfifo pipe
    "$AERIALS" insert people pipe &
    exec 7> pipe
    echo '{"name":"a"}' >&7
    until_taken
    words 11 --wait=50ms insert people '{"name":"b"}'
    words 11 --wait=50ms delete people --all
    exec 7>&-
    wait
    [ "$(names)" = "a " ]
}

@test "update: the count; a new id; what may be written" {
    people
    aerials insert people '[{"name":"Ann","age":31,"city":"Ulm"},{"name":"Bob","age":7,"city":"Ulm"},{"name":"Cid"}]' | sort > before
    words 0 update people --where "city = 'Ulm'" --set "age = age + 1" --set "city=upper(city)"
    [ "$output" = 2 ]
    [ -z "$stderr" ]
    [ "$(rows people | jq -c '[.name, .age, .city]' | sort)" = '["Ann",32,"ULM"]
["Bob",8,"ULM"]
["Cid",null,null]' ]
    json 0 '.ok and .count == 3' update people --all --set 'age=NULL'
    words 1 update people --where "name = 'nobody'" --set age=1
    [ "$output" = 0 ]
    [ -z "$stderr" ]
    json 1 '.ok == false and .count == 0 and .error.exit == 1 and .error.code == "not_found"' \
        update people --where "name = 'nobody'" --set age=1
    words 2 update people --all --set 'nocolumn=1'
    words 2 update people --all --set 'age=nocolumn'
    words 2 update people --all --set "age='text'"
    words 2 update people --where 'age =' --set age=1
    words 2 update people --where '1; delete from people' --set age=1
    [ "$(count people)" = 3 ]
    id=$(aerials insert people '{"name":"Eve"}')
    words 0 update people --where "_id = '$id'" --set "age=5"
    [ "$output" = 1 ]
    words 1 update people --where "_id = '$id'" --set "age=6"
}

@test "update and delete in a table of any form" {
    aerials table create any
    aerials insert any '{"a":{"b":1},"c":"x"}{"a":2}{"d":true}'
    words 0 update any --where "json_extract(_row, '\$.a.b') = 1" --set "c = 'y'" --set "n = 1 + 1"
    [ "$output" = 1 ]
    [ "$(rows any | jq -c .)" = '{"a":2}
{"a":{"b":1},"c":"y","n":2}
{"d":true}' ] || { rows any; return 1; }
    words 0 delete any --where "json_extract(_row, '\$.d')"
    [ "$output" = 1 ]
    [ "$(count any)" = 2 ]
}

@test "delete: the count, exit 1 if there was none" {
    people
    aerials insert people '[{"name":"Ann","age":31},{"name":"Bob","age":7},{"name":"Cid"}]'
    words 0 delete people --where 'age < 10'
    [ "$output" = 1 ]
    [ "$(names)" = "Ann Cid " ]
    words 1 delete people --where 'age < 10'
    [ "$output" = 0 ]
    json 1 '.ok == false and .count == 0 and .error.exit == 1' delete people --where 'age < 10'
    words 2 delete people --where 'age <'
    words 2 delete people --where 'nocolumn = 1'
    json 0 '.ok and .count == 2' delete people --all
    words 1 delete people --all
    words 0 insert people '{"name":"Ann"}'
}

@test "output that cannot be written: exit 5, and the row is in" {
    people
    run -5 bash -c '"$AERIALS" "$@" > /dev/full' - insert people '{"name":"a"}'
    run -5 bash -c '"$AERIALS" "$@" >&-' - insert people '{"name":"b"}'
    run -5 bash -c '"$AERIALS" "$@" >&-' - insert people '{"name":"c"}' --json
    [ "$(names)" = "a b c " ]
    run -5 bash -c '"$AERIALS" "$@" > /dev/full' - update people --all --set age=1
    run -5 bash -c '"$AERIALS" "$@" >&-' - delete people --where "name = 'a'"
    [ "$(names)" = "b c " ]
    # batches end with the first whose ids nobody gets
    seq 9 | sed 's/.*/{"name":"n&"}/' > input
    run -5 --separate-stderr bash -c '"$AERIALS" "$@" > /dev/full' - insert people input --batch=2
    [[ $stderr == *"2 rows, committed every 2"* ]]
    [ "$(names)" = "b c n1 n2 " ]
}

@test "an interrupt: what was not committed is not there" {
    people
    mkfifo pipe
    env --default-signal=INT "$AERIALS" insert people pipe > ids &
    pid=$!
    exec 7> pipe
    seq 2000 | sed 's/.*/{"name":"n&"}/' >&7
    until_taken
    kill -INT $pid
    rc=0
    wait $pid || rc=$?
    exec 7>&-
    [ $rc = 130 ]
    [ ! -s ids ]
    [ -z "$(rows people)" ]
    words 0 insert people '{"name":"n1"}'
}
