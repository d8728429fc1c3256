# table and index: what there is, and what can be wrong with a name, a column, an option.
load common

people() { aerials table create people name:str:pk age:int:notnull:default=7 city:str "$@"; }

@test "create, ls, show: columns with all their options" {
    people tags:json:default='{"a":[1,2]}' height:float:default=1.5 ok:bool:default=true mail:str:unique
    words 0 table ls
    [ "$output" = people ]
    json 0 '.ok and .schema == 1 and .name == "people" and .storage == "files"' table show people
    jq -e '[.columns[] | [.name, .type, .pk, .unique, .notnull, .default]] == [
        ["name", "str", true, true, true, null], ["age", "int", false, false, true, 7],
        ["city", "str", false, false, false, null], ["tags", "json", false, false, false, {"a": [1, 2]}],
        ["height", "float", false, false, false, 1.5], ["ok", "bool", false, false, false, true],
        ["mail", "str", false, true, false, null]]' <<< "$output"
    jq -e '.indexes == [{"name": "pk_name", "columns": ["name"], "unique": true, "pk": true},
        {"name": "unq_mail", "columns": ["mail"], "unique": true, "pk": false}]' <<< "$output"
    words 0 table show people
    [[ ${lines[0]} == table*people && ${lines[1]} == storage*files ]]
    [[ $output == *"name    str    pk"$'\n'* ]]
    [[ $output == *"age     int    notnull  default 7"* ]]
    [[ $output == *"mail    str    unique"* ]]
    [[ $output == *"pk_name   name  pk"* && $output == *"unq_mail  mail  unique"* ]]
    [ "$(grep -c ' $' <<< "$output")" = 0 ]
}

@test "the default of a str is the rest of the word, that of others JSON" {
    aerials table create t 'a:str:default=x:y:pk' 'b:str:default=' 'c:str:default=null' 'd:str:default="q"' \
        'e:json:default=null' 'f:json:default={"x":"y:z"}' 'g:str:unique:default=ü'
    json 0 '[.columns[].default] == ["x:y:pk", "", "null", "\"q\"", null, {"x": "y:z"}, "ü"]' table show t
    words 2 table create u 'a:int:default=x'
    words 2 table create u 'a:int:default='
    words 2 table create u 'a:int:default="1"'
    words 2 table create u 'a:bool:default=1'
    words 2 table create u "a:str:default="$'\xff'
    [[ $stderr == *UTF-8* ]]
    words 2 table show u
}

@test "rows of any form: a table without columns" {
    aerials table create any
    json 0 '.columns == [] and .indexes == []' table show any
    words 0 table show any
    [[ $output == *"none, rows of any form"* ]]
}

@test "storage" {
    aerials table create f --storage=files
    json 0 '.storage == "files"' table show f
    words 2 table create x --storage=paper
    [[ $stderr == *"'paper' is none of files, buckets, gdbm"* ]]
    words 2 table ls --storage=files
    words 2 table drop f --storage=files
    [ "$(aerials table ls)" = f ]
}

@test "ls is in byte order, and empty without tables" {
    words 0 table ls
    [ -z "$output$stderr" ]
    for name in b _a Z a9; do aerials table create $name; done
    [ "$(aerials table ls | tr '\n' ' ')" = "Z _a a9 b " ]
    [ "$(aerials table ls --json | jq -r .name | tr '\n' ' ')" = "Z _a a9 b " ]
}

@test "drop and rename" {
    people
    aerials insert people '{"name":"Ann"}'
    words 0 table rename people staff
    [ -z "$output$stderr" ]
    [ "$(aerials table ls)" = staff ]
    json 0 '.indexes[0].name == "pk_name"' table show staff
    words 6 insert staff '{"name":"Ann"}'
    aerials table create other
    words 2 table rename staff other
    json 2 '.error.code == "exists"' table rename staff other
    words 2 table rename nix new
    words 2 table rename staff 'not a name'
    words 0 table drop staff
    [ -z "$output$stderr" ]
    [ "$(aerials table ls)" = other ]
    json 2 '.error.code == "no_table"' table drop staff
    people
    json 0 '.ok and .count == 1' insert people '{"name":"Ann"}'
}

@test "a table that is there already, in another case too" {
    people
    words 2 table create people
    [[ $stderr == *people* ]]
    json 2 '.ok == false and .error.code == "exists" and .error.exit == 2' table create people
    words 2 table create PEOPLE
    [ "$(aerials table ls)" = people ]
}

@test "names outside [a-zA-Z_][a-zA-Z0-9_]*: exit 2, and nothing is made" {
    long=$(head -c 64 /dev/zero | tr '\0' n)
    people
    for name in '' 9a a-b a.b 'a b' a/b .. ä "${long}n" $'a\nb' '*' 'a"' "a'"; do
        words 2 table create "$name"
        [[ ${stderr_lines[0]} == "aerials: table create"* ]]
        [ "${#stderr_lines[@]}" -le 2 ]
        json 2 '.error.code == "invalid"' table create "$name"
        words 2 table create fine "$name:int"
        words 2 table rename people "$name"
        words 2 index create people "$name" age
        for verb in "table show" "table drop" "index ls" "index rebuild" insert; do
            # shellcheck disable=SC2086
            run -2 --separate-stderr "$AERIALS" $verb "$name" < /dev/null
        done
        words 2 delete "$name" --all
        words 2 update "$name" --all --set a=1
    done
    [ "$(aerials table ls)" = people ]
    aerials table create "$long" "$long:int"
    aerials index create people "$long" age
}

@test "columns that are not right" {
    for column in a 'a:' 'a:text' 'a:int:' 'a:int:frob' 'a:int:PK' ':int' 'a:int:default' 'a:int:pk unique'; do
        words 2 table create t "$column"
        [ "${#stderr_lines[@]}" -le 2 ]
        json 2 '.error.exit == 2' table create t "$column"
    done
    words 2 table create t a:int a:str
    words 2 table create t a:int:pk b:int:pk
    words 2 table show t
}

@test "wrong use" {
    people
    words 2 table creat x
    [[ $stderr == *"hint: did you mean: aerials table create" ]]
    words 2 table frobnicate
    [[ $stderr == *"none of create, ls, show, drop, rename"*"hint: aerials table --help" ]]
    for line in table "table frob" "table create" "table show" "table show people people" "table ls x" "table drop" \
        "table drop people x" "table rename people" "table rename people a b" index "index frob" "index ls" "index ls people x" \
        "index create people" "index create people i" "index create people i a b" "index drop people" "index rebuild" \
        "index rebuild people a b" "index ls people --unique" "insert" "insert people {} x" "insert people --batch=0" \
        "insert people --batch=x" "update people" "update" "update people --all" "update people --set age=1" \
        "update people --all --where 1 --set age=1" "update people --all --set age" "update people --all --set =1" \
        "update people --all --set age=" "delete" "delete people" "delete people --where" "delete people --all --where 1" \
        "delete people x --all" "delete people --where="; do
        # shellcheck disable=SC2086
        run -2 --separate-stderr "$AERIALS" $line < /dev/null
        [ -z "$output" ] || { echo "$line: $output"; return 1; }
        [ "${#stderr_lines[@]}" -le 2 ]
        [[ ${stderr_lines[0]} == "aerials: "* ]]
        # shellcheck disable=SC2086
        json 2 '.ok == false and .error.exit == 2' $line < /dev/null
    done
    [ "$(aerials table ls)" = people ]
}

@test "no such table, index or column: exit 2, and where to look" {
    people
    for line in "table show nix" "table drop nix" "table rename nix new" "index ls nix" "index create nix i a" \
        "index drop nix i" "index rebuild nix" "insert nix {}" "insert nix" "update nix --all --set a=1" "delete nix --all"; do
        # shellcheck disable=SC2086
        run -2 --separate-stderr "$AERIALS" $line < /dev/null
        [[ $stderr == *nix*"hint: "*"table ls" ]] || { echo "$line: $stderr"; return 1; }
        # shellcheck disable=SC2086
        json 2 '.error.code == "no_table"' $line < /dev/null
    done
    for line in "index drop people nix" "index rebuild people nix" "index create people i nix"; do
        # shellcheck disable=SC2086
        words 2 $line
        [[ $stderr == *nix*"hint: "*"table show people" ]] || { echo "$line: $stderr"; return 1; }
    done
    json 2 '.error.code == "no_table"' index drop people nix
}

@test "no database, a read-only one" {
    words 10 -d nowhere table ls
    words 10 -d nowhere insert people '{}'
    people
    aerials insert people '{"name":"Ann"}'
    chmod -R a-w "$DB"
    if [ -w "$DB" ]; then # root may write everywhere
        chmod -R u+w "$DB"
        skip "permissions do not count here"
    fi
    words 0 table ls
    [ "$output" = people ]
    words 0 table show people
    words 0 index ls people
    words 5 insert people '{"name":"Bob"}'
    words 5 table create other
    chmod -R u+w "$DB"
}

@test "indexes: create, ls, drop" {
    people address:json
    words 0 index create people by_city city
    [ -z "$output$stderr" ]
    json 0 '.ok and .table == "people" and .name == "by_zip"' index create people by_zip address.zip,age --unique
    words 0 index ls people
    [ "$output" = 'pk_name  name  pk
by_city  city
by_zip   address.zip,age  unique' ] || { echo "$output"; return 1; }
    [ "$(aerials index ls people --json | jq -cs '[.[] | [.name, .columns, .unique, .pk]]')" = \
        '[["pk_name",["name"],true,true],["by_city",["city"],false,false],["by_zip",["address.zip","age"],true,false]]' ]
    words 0 index drop people by_city
    [ -z "$output$stderr" ]
    [ "$(aerials index ls people | cut -d' ' -f1 | tr '\n' ' ')" = "pk_name by_zip " ]
    words 2 index create people by_zip age
    json 2 '.error.code == "exists"' index create people by_zip age
    words 2 index drop people pk_name
    for columns in '' , a, ,a a,,b; do words 2 index create people i "$columns"; done
    aerials table create any
    words 0 index ls any
    [ -z "$output" ]
}

@test "an index of rows that are there: unique can be too much to ask" {
    people
    aerials insert people '[{"name":"Ann","city":"Ulm"},{"name":"Bob","city":"Ulm"},{"name":"Cid"},{"name":"Dan"}]'
    words 6 index create people u city --unique
    [[ $stderr == *city* ]]
    json 6 '.error.code == "conflict"' index create people u city --unique
    [ "$(aerials index ls people | wc -l)" = 1 ]
    aerials index create people by_city city
    words 0 index rebuild people
    [ "$output" = "rows 4, added 0, changed 0, removed 0; 2 indexes with 8 entries built" ]
    words 0 index rebuild people by_city
    [ "$output" = "rows 4, added 0, changed 0, removed 0; 1 indexes with 4 entries built" ]
}

@test "rows changed by hand: exit 4, and index rebuild takes them over" {
    people
    aerials insert people '[{"name":"Ann","age":1},{"name":"Bob","age":2},{"name":"Cid","age":3}]' > ids
    row() { find "$DB/tables/people/data" -type f -exec grep -l "\"$1\"" {} +; }
    touch -d '2001-01-01' "$(row Ann)"
    sed -i 's/Ann/Amy/' "$(row Ann)"
    words 4 update people --where "name = 'Ann'" --set age=9
    [[ $stderr == *"hint: "*"index rebuild people" ]]
    json 4 '.error.code == "changed" and (.error.hint | test("index rebuild people$"))' update people --all --set age=9
    rm "$(row Cid)"
    words 0 index rebuild people
    [ "$output" = "rows 2, added 0, changed 1, removed 1; 1 indexes with 2 entries built" ] || { echo "$output"; return 1; }
    json 0 '.ok and .rows == 2 and .added == 0 and .changed == 0 and .removed == 0 and .indexes == 1 and .entries == 2' \
        index rebuild people
    json 0 '.count == 1' update people --where "name = 'Amy'" --set age=9
    words 0 insert people '{"name":"Cid"}'
}

@test "a table folder copied in is taken over" {
    people
    aerials insert people '[{"name":"Ann"},{"name":"Bob"}]' > /dev/null
    aerials -d other init other
    mkdir -p other/tables
    cp -r "$DB/tables/people" other/tables/
    words 0 -d other index rebuild people
    [[ $output == "rows 2, added 2, changed 0, removed 0; "* ]] || { echo "$output"; return 1; }
    words 0 -d other table ls
    [ "$output" = people ]
    words 6 -d other insert people '{"name":"Ann"}'
}

@test "status counts the tables" {
    json 0 '.tables == 0' status
    people
    aerials table create any
    json 0 '.tables == 2' status
    words 0 status
    [[ $output == *"tables     2"* ]]
}

@test "output that cannot be written" {
    people
    for line in "table ls" "table show people" "index ls people" "index rebuild people" "table ls --json" "table show people --json"; do
        # shellcheck disable=SC2086
        run -5 bash -c '"$AERIALS" "$@" > /dev/full' - $line
        # shellcheck disable=SC2086
        run -5 bash -c '"$AERIALS" "$@" >&-' - $line
    done
}

@test "in a shell" {
    run bash -c 'printf "%s\n" "$@" | "$AERIALS" shell' - 'table create t a:int:unique' "insert t '{\"a\": 1}' -q" 'table ls' \
        'update t --where a=1 --set a=2 --set "a = a + 1"' 'index ls t' 'delete t --where a=1' 'delete t --all' 'insert t'
    [ "$status" = 2 ]
    [ "${lines[1]}" = t ] && [ "${lines[2]}" = 1 ]
    [[ ${lines[3]} == unq_a* ]]
    [ "${lines[4]}" = 0 ] && [ "${lines[5]}" = 1 ]
    [[ $output == *"standard input is the script"* ]]
}
