# import --format=aerialsdb: databases of the original script, laid out as it lays them out.
load common

# put_row DIR FILE BKEY VALUE: a row of a bucket; VALUE is SQL.
put_row() {
    mkdir -p "old/bucketroot/$1"
    sqlite3 "old/bucketroot/$1/$2.sq3" "CREATE TABLE IF NOT EXISTS bucket(bkey, value); INSERT INTO bucket VALUES('$3', $4)"
}
# name_row DIR FILE BKEY KEY META
name_row() {
    sqlite3 old/aerial.sq3 "INSERT INTO buckets_meta VALUES('$1', '$2', '$3', $4, $5)"
}

make_old() {
    mkdir -p old/bucketroot
    sqlite3 old/aerial.sq3 'CREATE TABLE buckets (dir, file, rows);
        CREATE TABLE buckets_meta (dir, file, bkey unique, key unique, key_meta)'
    put_row 28/dd 1a21d3fdabf7 aaaa "'hello, world'"
    put_row 28/dd 1a21d3fdabf7 bbbb "x'00ff'"
    put_row f8/59 11cfd37ba0e2 cccc 42
    put_row f8/59 11cfd37ba0e2 dddd "''"
    sqlite3 old/aerial.sq3 "INSERT INTO buckets VALUES('28/dd', '1a21d3fdabf7', 2), ('f8/59', '11cfd37ba0e2', 2)"
    name_row 28/dd 1a21d3fdabf7 aaaa "'greeting'" "'{\"file\":\"hello.txt\"}'"
    name_row 28/dd 1a21d3fdabf7 bbbb "'bytes'" "'just text'"
    name_row f8/59 11cfd37ba0e2 cccc "'number'" NULL
    name_row f8/59 11cfd37ba0e2 dddd "'empty'" "''"
}

@test "keys, values and key_meta come over" {
    make_old
    find old -type f -exec sha256sum {} + | sort > before
    words 0 import old --format=aerialsdb
    [[ $stderr == "inserted 4, replaced 0, ignored 0, rejected 0"* ]]
    [ "$(aerials get greeting)" = 'hello, world' ]
    [ "$(aerials get bytes | xxd -p)" = 00ff ]
    [ "$(aerials get number)" = 42 ]
    [ "$(aerials get empty | wc -c)" = 0 ]
    json 0 '.meta == {"file":"hello.txt"}' get greeting
    json 0 '.meta == {"key_meta":"just text"}' get bytes
    json 0 'has("meta") | not' get number
    find old -type f -exec sha256sum {} + | sort | cmp before -
    words 0 import old --format=aerialsdb --resume
    [[ $stderr == *"ignored 4"* ]]
    words 0 import old --format=aerialsdb --prefix=old/
    [ "$(aerials get old/number)" = 42 ]
}

@test "dir and file in the other ways people wrote them" {
    make_old
    sqlite3 old/aerial.sq3 "UPDATE buckets_meta SET dir = 'bucketroot/28/dd', file = '1a21d3fdabf7.sq3' WHERE dir = '28/dd'"
    mv old/bucketroot/f8 old/f8
    words 0 import old --format=aerialsdb
    [ "$(aerials ls | wc -l)" = 4 ]
}

@test "lost buckets, lost rows, rows of nobody: listed, exit 3" {
    make_old
    rm old/bucketroot/28/dd/1a21d3fdabf7.sq3
    sqlite3 old/bucketroot/f8/59/11cfd37ba0e2.sq3 "DELETE FROM bucket WHERE bkey = 'cccc'; INSERT INTO bucket VALUES('eeee', 'nobody')"
    words 3 import old --format=aerialsdb
    [[ $stderr == *"'28/dd/1a21d3fdabf7': the bucket is missing"* ]]
    [[ $stderr == *"'greeting'"* ]]
    [[ $stderr == *"'number': its row is missing"* ]]
    [[ $stderr == *"1 of its rows belong to no key"* ]]
    [ "$(aerials ls)" = empty ]
}

@test "paths that lead out, and links, are not followed" {
    make_old
    sqlite3 outside.sq3 "CREATE TABLE bucket(bkey, value); INSERT INTO bucket VALUES('aaaa', 'secret'), ('cccc', 'secret')"
    sqlite3 old/aerial.sq3 "UPDATE buckets_meta SET dir = '../..', file = 'outside' WHERE key = 'greeting'"
    rm old/bucketroot/f8/59/11cfd37ba0e2.sq3
    ln -s ../../../../outside.sq3 old/bucketroot/f8/59/11cfd37ba0e2.sq3
    words 3 import old --format=aerialsdb
    [ "$(aerials ls)" = bytes ]
}

@test "a link among the directories is not followed" {
    make_old
    mv old/bucketroot/f8 elsewhere && ln -s ../../elsewhere old/bucketroot/f8
    words 3 import old --format=aerialsdb
    [ "$(aerials ls | wc -l)" = 2 ]
}

@test "views, triggers and other tricks do not run" {
    make_old
    path=old/bucketroot/f8/59/11cfd37ba0e2.sq3
    rm $path
    sqlite3 $path "CREATE VIEW bucket AS WITH RECURSIVE r(bkey, value) AS (SELECT 'cccc', 1 UNION ALL SELECT bkey, value FROM r) SELECT * FROM r"
    echo 'not a database at all, but long enough to look like one' > old/bucketroot/28/dd/1a21d3fdabf7.sq3
    run -3 --separate-stderr timeout 20 "$AERIALS" import old --format=aerialsdb
    [ -z "$(aerials ls)" ]
    sqlite3 old/aerial.sq3 'ALTER TABLE buckets_meta RENAME TO m; CREATE VIEW buckets_meta AS SELECT * FROM m'
    words 4 import old --format=aerialsdb
}

@test "what is no such database" {
    mkdir empty
    words 2 import empty --format=aerialsdb
    words 2 import nothing --format=aerialsdb
    mkdir other && echo text > other/aerial.sq3
    words 4 import other --format=aerialsdb
    words 4 import "$DB" --format=aerialsdb || words 2 import "$DB" --format=aerialsdb
}
