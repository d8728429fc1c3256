# import --format=gertrude: databases of the Python program, laid out as its versions laid them out. Their msgpack is written here as hex.
load common

# The rows of a table, sorted; each is a file.
rows() { find "$DB/tables/$1/data" -type f -exec cat {} + 2> /dev/null | LC_ALL=C sort; }
count() { rows "$1" | wc -l; }

# table NAME [CONFIG]: a table of the source
table() {
    mkdir -p "old/tables/$1/data" "old/tables/$1/index"
    [ $# = 1 ] || printf '%s' "$2" > "old/tables/$1/config"
}
# row_path TABLE ID: where the row is
row_path() { echo "old/tables/$1/data/${2:0:2}/${2:2:2}/${2:4}"; }
# put_text TABLE ID TEXT, put_hex TABLE ID HEX
put_text() {
    mkdir -p "$(dirname "$(row_path "$1" "$2")")"
    printf '%s' "$3" > "$(row_path "$1" "$2")"
}
put_hex() {
    put_text "$1" "$2" ''
    xxd -r -p <<< "$3" > "$(row_path "$1" "$2")"
}
# index TABLE NAME COLUMN TYPE UNIQUE NULLABLE
index() {
    mkdir -p "old/tables/$1/index/$2"
    echo "{\"name\":\"$2\",\"column\":\"$3\",\"coltype\":\"$4\",\"id\":9,\"unique\":$5,\"nullable\":$6}" > "old/tables/$1/index/$2/config"
    printf 'the nodes are not read' > "old/tables/$1/index/$2/000"
}
make_old() {
    mkdir -p old/tables
    echo '{"schema_version": 1, "gertrude_version": "0.0.1", "comment": ""}' > old/gertrude.conf
}
# Columns as the present gertrude writes them. column NAME TYPE PK UNIQUE NULLABLE DEFAULT
column() { echo "[\"$1\",\"$2\",{\"pk\":$3,\"unique\":$4,\"nullable\":$5,\"default\":$6}]"; }

# Name and age, with the Values of the second form: Ann 30, Bob null, the index that goes with the primary key and another.
make_people() {
    make_old
    table people "{\"spec\":[$(column name str true true false null),$(column age int false false true null)],\"id\":1}"
    index people pk_name name str true false
    index people by_age age int false true
    put_hex people 1122AAAAAAAAAAA1 '92 c70401d4416e6e c70901cc000000000000001e'
    put_hex people 1122AAAAAAAAAAA2 '92 c70401d4426f62 d401c8'
}

# refused EXIT PATTERN [ARGS...]: nothing is made of it.
refused() {
    local expected=$1 pattern=$2
    shift 2
    run "-$expected" --separate-stderr "$AERIALS" import old --format=gertrude "$@"
    # shellcheck disable=SC2053
    [[ ${stderr_lines[-1]} == $pattern || ${stderr_lines[0]} == $pattern ]] || { echo "$stderr"; return 1; }
    [ -z "$(aerials table ls)" ]
}

@test "the first layout: rows in JSON, objects and lists" {
    make_old
    table people '[["name", "str", {"pk": true}], ["age", "int", {}]]'
    put_text people 11222345678912345678 '{"name": "Ann", "age": 30}'
    put_text people ZZYYXXWWVVUUTTSSRRQQ '["B\u00f6b", null]'
    put_text people 11332345678912345678 '["Cid", -5]'
    find old -type f -exec sha256sum {} + | sort > before
    words 0 import old --format=gertrude
    [[ $stderr == "tables 1, indexes 0, inserted 3, replaced 0, ignored 0, rejected 0 (committed every 4000 entries or 8 MiB)" ]]
    [ "$(rows people)" = $'{"age":-5,"name":"Cid"}\n{"age":30,"name":"Ann"}\n{"age":null,"name":"Böb"}' ]
    json 0 '.storage == "files" and (.columns | map([.name, .type, .pk])) == [["name","str",true],["age","int",false]]' table show people
    json 0 '.indexes | map(.name) == ["pk_name"]' table show people
    find old -type f -exec sha256sum {} + | sort | cmp before -
}

@test "the present layout: msgpack, both forms of Value, all types" {
    make_old
    table t "{\"spec\":[$(column s str false false true null),$(column i int false false true null),$(column f float false false true null),$(column b bool false false true null)],\"id\":1}"
    put_hex t 1122AAAAAAAAAAA1 '94 c70301d4c3a9 c70901ccffffffffffffffff c70901dc3fb999999999999a d501e401'
    put_hex t 1122AAAAAAAAAAA2 '94 c70401c902c3bc c70901c58000000000000000 c70901cdbff8000000000000 d501d100'
    put_hex t 3344AAAAAAAAAAA3 '94 d401d0 d401c8 d401d8 d401e0'
    put_hex t 3344AAAAAAAAAAA4 '94 d401c8 d401c4 d401cc d401d0'
    put_hex t 0a0baaaaaaaaaaa0 '94 a170 cf7fffffffffffffff cb4008000000000000 c2'
    put_hex t 5566AAAAAAAAAAA6 '84 a173 a0 a169 00 a166 c0 a162 c3'
    words 0 import old
    rows t > got
    cat > want <<'END'
{"b":false,"f":-1.5,"i":-9223372036854775808,"s":"ü"}
{"b":false,"f":3.0,"i":9223372036854775807,"s":"p"}
{"b":null,"f":null,"i":null,"s":null}
{"b":null,"f":null,"i":null,"s":null}
{"b":true,"f":0.1,"i":-1,"s":"é"}
{"b":true,"f":null,"i":0,"s":""}
END
    LC_ALL=C sort want | diff - got
}

@test "in between: ids of 20 characters with msgpack, a spec in an object with JSON" {
    make_old
    table a "{\"spec\":[$(column n int false false true null)],\"id\":1}"
    put_hex a 11229999999999999991 '91 05'
    put_text a 1122AAAAAAAAAAA2 '[6]'
    words 0 import old
    [ "$(rows a)" = $'{"n":5}\n{"n":6}' ]
}

@test "indexes, unique ones, and columns that take no null" {
    make_people
    index people by_name name str false true
    table cars "{\"spec\":[$(column plate str false false true null),$(column seats int false true false 4),$(column owner str false false true '"nobody"')],\"id\":2}"
    index cars one_plate plate str true false
    index cars unq_seats seats int true false
    put_hex cars 1122AAAAAAAAAAA1 '83 a5706c617465 a141 a57365617473 02 a56f776e6572 a178'
    put_hex cars 1122AAAAAAAAAAA2 '81 a5706c617465 a142'
    words 0 import old
    [[ $stderr == "tables 2, indexes 3, inserted 4"* ]]
    json 0 '.indexes | map([.name, .unique]) == [["pk_name",true],["by_age",false],["by_name",false]]' table show people
    json 0 '.indexes | map([.name, .columns, .unique]) == [["unq_seats",["seats"],true],["one_plate",["plate"],true]]' table show cars
    json 0 '.columns | map([.pk, .unique, .notnull, .default]) == [[false,false,true,null],[false,true,true,4],[false,false,false,"nobody"]]' table show cars
    [ "$(rows cars)" = $'{"owner":"nobody","plate":"B","seats":4}\n{"owner":"x","plate":"A","seats":2}' ]
    words 6 insert cars '{"plate":"A","seats":9}'
}

@test "without a config, or an empty one: rows of any form" {
    make_old
    table free
    table empty ''
    table none '[]'
    put_text free 11222345678912345678 '{"x": [1, {"y": null}]}'
    put_hex empty 1122AAAAAAAAAAA1 '81 a178 92 01 d401c8'
    words 0 import old
    [ "$(rows free)" = '{"x":[1,{"y":null}]}' ]
    [ "$(rows empty)" = '{"x":[1,null]}' ]
    json 0 '.columns == []' table show none
    aerials table drop free && aerials table drop empty && aerials table drop none
    put_hex empty 1122AAAAAAAAAAA1 '91 01'
    refused 4 "*'tables/empty/data/11/22/AAAAAAAAAAA1': a list of values, but the table's config names no columns*"
}

@test "--table, --storage, --batch; a table that is there already" {
    make_people
    table other '[["n","int",{}]]'
    put_text other 11222345678912345678 '[1]'
    words 0 import old --table=other --storage=buckets
    [ "$(aerials table ls)" = other ]
    json 0 '.storage == "buckets"' table show other
    words 6 import old
    [[ $stderr == *"the database has 'other' already"* ]]
    json 6 '.error.code == "conflict"' import old
    [ "$(aerials table ls)" = other ]
    words 0 import old --table=people --batch=1
    [[ $stderr == *"(committed every 1 entries)" ]]
    [ "$(count people)" = 2 ]
    words 2 import old --table=nix
    words 2 import old --storage=tape
    words 2 import old --resume
    words 2 import old --prefix=p
    words 2 import . --format=dir --table=people
}

@test "how it is told from a directory of files, and from a database of ours" {
    make_people
    json 0 '.tables == 1 and .indexes == 1 and .inserted == 2' import old
    words 0 import old --format=dir --prefix=files/
    [ -n "$(aerials ls files/gertrude.conf)" ]
    words 2 import "$DB" --format=gertrude
    [[ $stderr == *"a database of Aerials"* ]]
    mkdir clone && cp "$DB/gertrude.conf" clone/ && mkdir clone/tables
    words 2 import clone --format=gertrude
    words 0 import clone --prefix=clone/
    [ -n "$(aerials ls clone/gertrude.conf)" ]
    mkdir empty
    words 2 import empty --format=gertrude
    words 2 import nothing --format=gertrude
    aerials table drop people
    rm -r old/tables
    refused 2 "*no directory 'tables'*"
    mkdir old/tables
    echo '{"schema_version": 2}' > old/gertrude.conf
    refused 2 "*its schema_version is not 1*"
    echo 'schema' > old/gertrude.conf
    refused 2 "*is not JSON*"
}

@test "a damaged row: its file and byte are named, its batch is undone" {
    make_people
    put_hex people 9922AAAAAAAAAAA1 '92 c70401d4436964 c70901cc00'
    refused 4 "*'tables/people/data/99/22/AAAAAAAAAAA1': byte 13: the msgpack ends in the middle; nothing was stored"
    for row in '91 a161' '93 a161 01 02' '92 a161' '' 05 '92 a161 01 c0' '92 a161 d40100' '92 a161 cfffffffffffffffff' '92 a161 c40100' c1; do
        put_hex people 9922AAAAAAAAAAA1 "$row"
        refused 4 "*'tables/people/data/99/22/AAAAAAAAAAA1': *; nothing was stored"
    done
    for row in '92 a161 a162' '92 a161 c3' '82 a46e616d65 a161 a178 01'; do # a type that is not the column's, a column nobody knows
        put_hex people 9922AAAAAAAAAAA1 "$row"
        refused 2 "*'tables/people/data/99/22/AAAAAAAAAAA1': *; nothing was stored"
    done
    put_hex people 9922AAAAAAAAAAA1 '92 c0 01'
    refused 6 "*'tables/people/data/99/22/AAAAAAAAAAA1': *name*; nothing was stored"
    truncate -s 17M "$(row_path people 9922AAAAAAAAAAA1)"
    refused 4 "*'tables/people/data/99/22/AAAAAAAAAAA1': it is too large*"
}

@test "what was stored before a damaged row is said, and only that stays" {
    make_people
    table zoo '[["n","int",{}]]'
    table a '[["n","int",{}]]'
    put_text a 11222345678912345678 '[1]'
    put_text people 9922AAAAAAAAAAA1 '["Cid"]'
    run -4 --separate-stderr "$AERIALS" import old --batch=2
    [[ ${stderr_lines[0]} == *"rows stored before it: 3, and table 'people' is incomplete: drop it before the next try" ]]
    [ "$(aerials table ls | tr '\n' ' ')" = "a people " ]
    [ "$(count people)" = 2 ]
    rm "$(row_path people 9922AAAAAAAAAAA1)"
    aerials table drop people
    words 0 import old --table=people
    words 0 import old --table=zoo
    [ "$(count people)" = 2 ]
}

@test "two rows with one value in a unique column: exit 6, both are named" {
    make_people
    put_hex people 9922AAAAAAAAAAA1 '92 c70401d4426f62 01'
    refused 6 "*'tables/people/data/99/22/AAAAAAAAAAA1': *name* (that row is 'tables/people/data/11/22/AAAAAAAAAAA2'); nothing was stored"
    rm "$(row_path people 9922AAAAAAAAAAA1)"
    index people one_age age int true true
    put_hex people 9922AAAAAAAAAAA1 '92 a143 1e'
    refused 6 "*'tables/people/data/99/22/AAAAAAAAAAA1': * (that row is 'tables/people/data/11/22/AAAAAAAAAAA1')*"
}

@test "links are not followed, neither in the place of a row nor above one" {
    make_people
    echo '["Eve", 1]' > secret
    ln -s ../../../../../../secret "$(row_path people 1122AAAAAAAAAAA3)"
    refused 4 "*'tables/people/data/11/22/AAAAAAAAAAA3': it is a link, and links are not followed*"
    rm "$(row_path people 1122AAAAAAAAAAA3)"
    mkdir "$(row_path people 1122AAAAAAAAAAA3)"
    refused 4 "*'tables/people/data/11/22/AAAAAAAAAAA3': it is not a regular file*"
    rmdir "$(row_path people 1122AAAAAAAAAAA3)"
    mkfifo "$(row_path people 1122AAAAAAAAAAA3)"
    refused 4 "*'tables/people/data/11/22/AAAAAAAAAAA3': it is not a regular file*"
    rm "$(row_path people 1122AAAAAAAAAAA3)"
    for place in tables/people/data/11/22 tables/people/data/11 tables/people/data tables/people/index tables/people/index/by_age tables/people tables; do
        mv old/$place elsewhere && ln -s "$PWD/elsewhere" old/$place
        run --separate-stderr "$AERIALS" import old --format=gertrude
        [ "$status" = 4 ] || [ $place = tables ] && [ "$status" != 0 ]
        [ -z "$(aerials table ls)" ]
        rm old/$place && mv elsewhere old/$place
    done
    for file in tables/people/config tables/people/index/by_age/config gertrude.conf; do
        mv old/$file elsewhere && ln -s "$PWD/elsewhere" old/$file
        run --separate-stderr "$AERIALS" import old --format=gertrude
        [ "$status" = 4 ] || [ $file = gertrude.conf ] && [ "$status" != 0 ]
        [ -z "$(aerials table ls)" ]
        rm old/$file && mv elsewhere old/$file
    done
    words 0 import old
}

@test "what is no row, no table, no index by its name: told, left out, exit 3" {
    make_people
    echo x > old/tables/README
    echo x > old/tables/people/data/.DS_Store
    echo x > old/tables/people/data/11/22/short
    mkdir old/tables/people/data/11/22x old/tables/people/index/old_one
    words 3 import old
    for what in tables/README tables/people/data/.DS_Store tables/people/data/11/22/short tables/people/data/11/22x tables/people/index/old_one; do
        [[ $stderr == *"skipped '$what': "* ]]
    done
    [[ $stderr == *"inserted 2, replaced 0, ignored 0, rejected 5"* ]]
    [ "$(count people)" = 2 ]
}

@test "configs that are not right: named, and nothing is made" {
    make_people
    for config in '{' '{"spec":{}}' '5' '[["name"]]' '[["name","text",{}]]' '[["name","str",5]]' '[["name","str",{"pk":1}]]' '[[1,"str",{}]]' \
        '[["name","str",{},{}]]' 'null' '{"spec":[["name","str",{}]],"spec":[]}' '[["n\u0000","str",{}]]' '["name"]'; do
        table people "$config"
        refused 4 "*'tables/people/config': *"
    done
    for config in '[["name","str",{"pk":true}],["age","int",{"pk":true}]]' '[["name","str",{}],["name","int",{}]]' '[["na me","str",{}]]' \
        '[["name","str",{}],["age","int",{"default":"x"}]]'; do
        table people "$config"
        rm -rf old/tables/people/index
        refused 2 "*table 'people': *"
    done
    truncate -s 2M old/tables/people/config
    refused 4 "*'tables/people/config': it is too large*"
    make_people
    for config in '{' '[]' '{"name":"by_age"}' '{"name":"by_age","column":"nix"}' '{"name":"by_age","column":"age","unique":1}' ''; do
        printf '%s' "$config" > old/tables/people/index/by_age/config
        refused 4 "*'tables/people/index/by_age/config': *"
    done
    mv old/tables/people old/tables/peo-ple
    index peo-ple by_age age int false true
    refused 2 "*table 'peo-ple': *"
}
