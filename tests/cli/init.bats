# init, and which database a command works on.
load common

@test "init makes a database and says nothing" {
    words 0 init new
    [ -z "$output" ]
    [ -z "$stderr" ]
    [ -e new/gertrude.conf ]
    [ -e new/aerial.sq3 ]
}

@test "init refuses a directory that is not empty, and changes nothing" {
    mkdir full && echo mine > full/file
    words 2 init full
    [[ $stderr == "aerials: "*"'full'"*"not empty"*"hint: "* ]]
    [ "$(ls -A full)" = file ]
    json 2 '.ok == false and .error.code == "exists" and .error.exit == 2' init full
}

@test "--max-loss takes rows, a size, or both" {
    aerials init rows --max-loss=1000
    [ "$(aerials -d rows config bucket_max_rows)" = 1000 ]
    aerials init size --max-loss=8MB
    [ "$(aerials -d size config bucket_max_size)" = $((8 << 20)) ]
    aerials init both --max-loss=500,64KiB
    [ "$(aerials -d both config bucket_max_rows)" = 500 ]
    [ "$(aerials -d both config bucket_max_size)" = 65536 ]
}

@test "options out of range are wrong use" {
    for bad in --max-loss=0 --max-loss=x --max-loss=8XB --max-loss=-1 --max-loss=99999999999999999999 --max-loss=1,2 \
        --bucket-max-rows=0 --bucket-max-rows=1e3 --bucket-max-size=1 --bucket-max-size=9999GB --sync=maybe; do
        words 2 init bad "$bad"
        [[ $stderr == "aerials: "* ]]
        [ ! -e bad/aerial.sq3 ]
    done
    words 2 init bad --max-loss=10 --bucket-max-rows=10
    words 2 init one two
    words 2 -d one init two
}

@test "sync and comment are kept" {
    aerials init other --sync=normal --comment='for tests'
    [ "$(aerials -d other config sync)" = normal ]
    [ "$(aerials -d other config comment)" = 'for tests' ]
}

@test "the database is -d, else AERIALS_DB, else the current directory" {
    aerials init a && aerials init b
    aerials -d a put k in-a
    AERIALS_DB=b aerials put k in-b
    [ "$(aerials get k -d a)" = in-a ]
    [ "$(AERIALS_DB=a aerials get k)" = in-a ]
    [ "$(AERIALS_DB=a aerials -d b get k)" = in-b ]
    unset AERIALS_DB
    [ "$(cd b && aerials get k)" = in-b ]
}

@test "no database: exit 10, and the next command" {
    unset AERIALS_DB
    words 10 get k
    [[ $stderr == *"hint: "*"aerials init"* ]]
    words 10 -d nowhere get k
    [[ $stderr == *"hint: aerials init nowhere"* ]]
    json 10 '.error.code == "no_database"' -d nowhere ls
    [ ! -e nowhere ]
    mkdir empty
    words 10 -d empty put k v
    [ -z "$(ls -A empty)" ]
}

@test "a newer format: exit 12, and nothing is touched" {
    sed -i 's/"schema_version": *1/"schema_version": 99/' "$DB/gertrude.conf"
    cp "$DB/gertrude.conf" before
    words 12 ls
    json 12 '.error.code == "newer_format"' put k v
    cmp before "$DB/gertrude.conf"
}

@test "read verbs leave nothing behind in a directory without write permission" {
    aerials put k v
    cp -r "$DB" ro
    chmod -R a-w ro
    find ro | sort > before
    [ "$(aerials -d ro get k)" = v ]
    [ "$(aerials -d ro ls)" = k ]
    aerials -d ro status > /dev/null
    find ro | sort | cmp before -
    chmod -R u+w ro
}
