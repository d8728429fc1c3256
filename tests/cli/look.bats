# status, config, bucket, locate, seal, compact: what there is, and where.
load common

fill() { seq "$1" | sed 's/.*/{"op":"put","key":"k&","value":"value &"}/' | aerials batch; }

@test "status: one screen, and the same as JSON" {
    fill 100
    words 0 status
    for word in database keys buckets live dead 'max loss' sync unmerged catalogue 'in parts'; do
        [[ $output == *"$word"* ]]
    done
    [ "${#lines[@]}" -le 24 ]
    json 0 '.keys == 100 and .max_loss.rows == 10000 and .sync == "full" and (.path | startswith("/"))' status
}

@test "the bucket map: asked for, or on a terminal; in colour there, unless NO_COLOR" {
    fill 100
    words 0 status
    [[ $output != *'one cell'* ]]
    words 0 status --map
    [[ $output == *'one cell a bucket'* ]]
    [[ $output != *$'\033'* ]]
    on_terminal "'$AERIALS' status"
    [[ $output == *'one cell a bucket'* ]]
    [[ $output == *$'\033[32m'* ]]
    on_terminal "NO_COLOR=1 '$AERIALS' status"
    [[ $output == *'one cell a bucket'* ]]
    [[ $output != *$'\033'* ]]
}

@test "config: list, show, set, refuse" {
    [ "$(aerials config | grep -c =)" -ge 4 ]
    aerials config bucket_max_size 4MB
    [ "$(aerials config bucket_max_size)" = 4194304 ]
    aerials config comment 'some words'
    json 0 '.settings.comment == "some words"' config
    json 0 '.value == "some words"' config comment
    words 2 config synk
    [[ $stderr == *'config sync'* ]]
    words 2 config sync maybe
    words 2 config bucket_max_rows 0
    words 2 config bucket_max_size 8XB
    [ "$(aerials config sync)" = full ]
}

@test "bucket: list, show, path, by the start of an identifier" {
    aerials put a 1 && aerials put b 22 && aerials put a 333
    id=$(aerials --json bucket ls | jq -r 'select(.rows > 0).id' | head -1)
    [[ $id =~ ^[0-9a-f]{16}$ ]]
    [[ $(aerials bucket ls) == *"$id"* ]]
    words 0 bucket show "$id"
    [ "${lines[-1]}" = "lose this file: lose these 2 keys" ]
    words 0 bucket show "${id:0:6}"
    [ -f "$(aerials bucket path "$id")" ]
    json 0 '.ok and .lose_keys == 2' bucket show "$id"
    aerials --json bucket show "$id" | jq -es 'map(select(.key == "b" and .live and .size == 2)) | length == 1'
    words 2 bucket show 28
    words 2 bucket show ../../etc/passwd
    words 2 bucket show 28DD1A21D3FDABF7
    words 1 bucket show ffffffffffffffff
}

@test "locate: the file, the row, and a command that works" {
    aerials put k 'the value'
    words 0 locate k
    [[ $output == *bucketroot/*.sq3* ]] || [[ $output == *.sq3* ]]
    words 1 locate nothing
    json 0 '.key == "k" and .size == 9 and (.command | startswith("sqlite3 "))' locate k
    aerials seal
    command=$(aerials locate k --json | jq -r .command)
    [ "$(bash -c "$command")" = 'the value' ]
}

@test "seal and compact say nothing, and lose nothing" {
    fill 50
    words 0 seal
    [ -z "$output$stderr" ]
    fill 50
    words 0 seal
    words 0 compact --min-dead=0
    [ -z "$output$stderr" ]
    json 0 '.ok and .dry_run' compact -n
    words 0 compact -n
    [[ $output == *'would become'* ]]
    words 0 compact --by-key
    json 0 .ok seal
    [ "$(aerials ls | wc -l)" = 50 ]
    [ "$(aerials get k50)" = 'value 50' ]
}

@test "a lost bucket: its keys fail with its name and exit 4, the others read" {
    aerials put lost 1 && aerials seal && aerials put kept 2 && aerials seal
    path=$(aerials --json locate lost | jq -r .path)
    [ "$path" != "$(aerials --json locate kept | jq -r .path)" ] || skip "one file"
    rm -f "$DB/$path"
    words 4 get lost
    [[ $stderr == *"$path"* ]]
    json 4 '.error.code == "damage"' get lost
    [ "$(aerials get kept)" = 2 ]
    run -4 "$AERIALS" scan
    [[ $output == *'"kept"'* ]]
    words 4 export out
    [ "$(cat out/kept)" = 2 ]
    [ ! -e out/lost ]
}
