# put, get, del, exists: bytes in, the same bytes out.
load common

@test "put is silent, get gives the exact bytes" {
    words 0 put k 'some value'
    [ -z "$output$stderr" ]
    [ "$(aerials get k | xxd -p)" = "$(printf 'some value' | xxd -p)" ]
}

@test "a value comes from the line, standard input, a file" {
    printf 'a\0b\xff\n' > value
    aerials put 1 < value
    aerials put 2 - < value
    aerials put 3 @value
    for key in 1 2 3; do aerials get $key | cmp value -; done
    aerials put 4 --literal @value
    [ "$(aerials get 4)" = @value ]
    words 2 put 5 @missing
    [[ $stderr == *"no file 'missing'"* ]]
}

@test "an empty value is a value" {
    aerials put k ''
    aerials put l < /dev/null
    aerials exists k l
    [ "$(aerials get k | wc -c)" = 0 ]
    json 0 '.value == "" and .size == 0' get l
}

@test "a value of many pieces passes through" {
    head -c 20000000 /dev/urandom > big
    aerials put big < big
    aerials get big | cmp big -
    aerials put again @big
    aerials get again -o out
    cmp big out
    cmp <(tail -c +8388600 big | head -c 20) <(aerials get big --offset 8388599 --length 20)
}

@test "a megabyte short of a piece, a piece, a byte more" {
    for size in 7340032 8388608 8388609; do
        head -c $size /dev/zero > value
        aerials put k < value
        aerials get k | cmp value -
    done
}

@test "--offset and --length" {
    aerials put k 0123456789
    [ "$(aerials get k --offset=3)" = 3456789 ]
    [ "$(aerials get k --length=3)" = 012 ]
    [ "$(aerials get k --offset=8 --length=100)" = 89 ]
    [ -z "$(aerials get k --offset=100)" ]
    [ -z "$(aerials get k --length=0)" ]
    words 2 get k --offset=-1
    words 2 get k --length=x
}

@test "get -o puts the file in place whole" {
    aerials put k new
    echo old > file
    chmod 640 file
    aerials get k -o file
    [ "$(cat file)" = new ]
    [ "$(stat -c %a file)" = 640 ]
    words 1 get missing -o file
    [ "$(cat file)" = new ]
    aerials get k -o /dev/null
    [ -c /dev/null ]
    words 5 get k -o no/such/dir/file
    [ "$(ls -A | sort | tr '\n' ' ')" = "db file " ]
}

@test "get -o follows a link to the file it means" {
    aerials put k new
    echo old > file && ln -s file link
    aerials get k -o link
    [ -L link ]
    [ "$(cat file)" = new ]
}

@test "a newline is added on a terminal only" {
    aerials put k value
    aerials put n $'value\n'
    on_terminal "'$AERIALS' get k"
    [ "$output" = "value"$'\r' ] || [ "$output" = value ]
    on_terminal "'$AERIALS' get k | wc -c"
    [[ $output == 5* ]]
}

@test "an absent key: exit 1, a word unless -q" {
    words 1 get nothing
    [ -z "$output" ]
    [[ $stderr == "aerials: get 'nothing': no such key" ]]
    words 1 -q get nothing
    [ -z "$output$stderr" ]
    json 1 '.error.code == "not_found" and .error.exit == 1' get nothing
}

@test "--if-absent: exit 6, the old value stays" {
    aerials put k old --if-absent
    words 6 put k new --if-absent
    [ "$(aerials get k)" = old ]
    json 6 '.error.code == "conflict"' put k new --if-absent
}

@test "del: all in one, exit 1 if one was not there" {
    aerials put a 1 && aerials put b 2 && aerials put c 3
    words 0 del a
    [ -z "$output$stderr" ]
    words 1 del b nothing c
    [[ $stderr == *"'nothing'"* ]]
    [ -z "$(aerials ls)" ]
    json 1 '.deleted == 0 and .absent == 1' del gone
    aerials put k v
    json 0 '.ok and .deleted == 1' del k
}

@test "exists answers by its exit code" {
    aerials put a 1
    words 0 exists a
    words 1 exists a b
    [ -z "$output$stderr" ]
    json 1 '.ok and .exists == false and .keys[0].exists and (.keys[1].exists | not)' exists a b
}

@test "meta and expiry" {
    aerials put k v --meta '{"type":"text/plain"}' --expires 1h
    json 0 '.meta.type == "text/plain" and .expires > now * 1000' get k
    words 2 put k v --meta '[1]'
    words 2 put k v --meta '{'
    words 2 put k v --expires soon
    words 2 put k v --expires 10
    aerials put gone v --expires @1
    words 1 get gone
    [ "$(aerials ls)" = k ]
}

@test "keys are bytes" {
    for key in ' ' . ../x /etc/passwd % _ "'; drop table kv; --" $'tab\there' $'\xff\xfe' ümlaut; do
        aerials put -- "$key" "value of $key"
        [ "$(aerials get -- "$key")" = "value of $key" ]
    done
    aerials put --key64 AAEC/w== nul
    [ "$(aerials get --key64 AAEC/w==)" = nul ]
    [ "$(aerials ls -z | head -c 4 | xxd -p)" = 000102ff ]
    aerials del --key64 AAEC/w==
    words 1 exists --key64 AAEC/w==
    words 2 get --key64 'not base64'
}

@test "a key of 0 or over 65536 bytes is wrong use" {
    words 2 put '' v
    [[ $stderr == *empty* ]]
    long=$(head -c 65536 /dev/zero | tr '\0' k)
    aerials put "$long" v
    [ "$(aerials get "$long")" = v ]
    words 2 put "${long}k" v
    [[ $stderr == *65537* ]]
}

@test "-- ends the options, and a number is not one" {
    aerials put -- -k --json
    [ "$(aerials get -- -k)" = --json ]
    aerials put temperature -5
    [ "$(aerials get temperature)" = -5 ]
}
