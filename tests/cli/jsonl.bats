# import and export of JSON lines.
load common

@test "every byte of keys, values, meta and expiry comes back" {
    aerials put text 'väl "ue' --meta '{"a":{"b":[1,2.5,"\u00fc"]}}' --expires @4000000000
    aerials put --key64 AP8K binary < <(printf '\0\xff\n')
    aerials put empty ''
    head -c 9000000 /dev/urandom | aerials put big
    aerials export all.jsonl
    [ "$(wc -l < all.jsonl)" = 4 ]
    jq -es 'all(has("key") or has("key64"))' all.jsonl
    aerials init copy
    words 0 -d copy import all.jsonl
    [[ $stderr == "inserted 4, replaced 0, ignored 0, rejected 0"* ]]
    cmp <(aerials scan) <(aerials -d copy scan)
    aerials export | cmp all.jsonl -
    aerials export - --format=jsonl | aerials -d copy import - --format=jsonl -q
    cmp <(aerials scan) <(aerials -d copy scan)
}

@test "tar keeps what is no file's meta, too" {
    aerials put text 'v' --meta '{"a":1}' --expires @4000000000
    aerials put bare 'v'
    aerials put partly 'v' --meta '{"mode":"0600"}'
    aerials export a.tar
    aerials init copy
    aerials -d copy import a.tar -q
    cmp <(aerials scan) <(aerials -d copy scan)
}

@test "a malformed line: its number, exit 2, nothing changed" {
    seq 5000 | sed 's/.*/{"key":"k&","value":"v"}/' > lines
    echo '{"key":"k","value":5}' >> lines
    words 2 import lines --format=jsonl
    [[ $stderr == *"line 5001"*"not a string"* ]]
    [ -z "$(aerials ls)" ]
    run -2 bash -c 'cat lines | "$AERIALS" import - --format=jsonl'
    [[ $output == *"line 5001"* ]]
    [ -z "$(aerials ls)" ]
    json 2 '.error.message | contains("5001")' import lines --format=jsonl
}

@test "--skip-bad: the bad lines to a file, the rest in, exit 3" {
    printf '%s\n' '{"key":"a","value":"1"}' 'junk' '{"key":"b","value":"2"}' '{"key":"","value":"3"}' > in.jsonl
    words 3 import in.jsonl --skip-bad=bad
    [[ $stderr == *"'line 2'"*"'line 4'"*"inserted 2, replaced 0, ignored 0, rejected 2"* ]]
    [ "$(aerials ls | tr '\n' ' ')" = "a b " ]
    [ "$(cat bad)" = "$(sed -n '2p;4p' in.jsonl)" ]
    rm bad
    cat in.jsonl | { run -3 "$AERIALS" import - --format=jsonl --skip-bad=bad; }
    [ "$(wc -l < bad)" = 2 ]
}

@test "--skip-bad: a key that is too long with the prefix is a bad line" {
    { echo '{"key":"a","value":"1"}'; printf '{"key":"%065534d","value":"2"}\n' 0; } > in.jsonl
    words 2 import in.jsonl --prefix=long
    [[ $stderr == *"line 2"*"too long with the prefix"* ]]
    [ -z "$(aerials ls)" ]
    words 3 import in.jsonl --prefix=long --skip-bad=bad
    [ "$(aerials ls)" = longa ]
    [ "$(cat bad)" = "$(sed -n 2p in.jsonl)" ]
}

@test "--skip-bad without a bad line makes no file" {
    echo '{"key":"a","value":"1"}' > in.jsonl
    words 0 import in.jsonl --skip-bad=bad
    [ ! -e bad ]
}

@test "--resume, --prefix, --batch" {
    seq 100 | sed 's/.*/{"key":"k&","value":"v&"}/' > in.jsonl
    aerials import in.jsonl -q
    aerials put k5 other
    words 0 import in.jsonl --resume --batch=7
    [[ $stderr == "inserted 0, replaced 1, ignored 99, rejected 0 (committed every 7 entries)" ]]
    aerials import in.jsonl --prefix=p/ -q
    [ "$(aerials get p/k100)" = v100 ]
    [ "$(aerials export --prefix=p/ | head -1)" = '{"key":"k1","value":"v1"}' ]
    json 0 '.ok and .replaced == 100 and .one_transaction == false' import in.jsonl
}

@test "an empty file is no lines" {
    : > empty.jsonl
    words 0 import empty.jsonl
    [[ $stderr == "inserted 0,"* ]]
    aerials export out.jsonl
    [ ! -s out.jsonl ]
}

@test "export to a file that cannot be written leaves the old one" {
    aerials put k v
    words 5 export no/such/dir/out.jsonl
    run -5 bash -c '"$AERIALS" export - > /dev/full'
    echo old > out.jsonl
    aerials export out.jsonl
    [ "$(cat out.jsonl)" = '{"key":"k","value":"v"}' ]
    [ -z "$(ls -A | grep tmp)" ]
}
