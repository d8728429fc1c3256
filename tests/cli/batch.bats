# batch: all of the lines, or none.
load common

bad() { # LINE PATTERN: the second of three lines; it is named and nothing changes
    printf '{"op":"put","key":"first","value":"x"}\n%s\n{"op":"put","key":"third","value":"x"}\n' "$1" > lines
    words 2 batch lines
    [[ $stderr == *"line 2"*$2* ]] || { echo "$stderr"; return 1; }
    [ -z "$(aerials ls)" ]
}

@test "puts and deletes in order" {
    aerials put old x
    printf '%s\n' '{"op":"del","key":"old"}' '{"op":"put","key":"a","value":"1"}' '' '{"op":"put","key":"a","value":"2"}' |
        aerials batch
    [ "$(aerials scan)" = '{"key":"a","value":"2"}' ]
    json 0 '.ok and .puts == 1 and .deletes == 1 and .absent == 1' batch - << 'END'
{"op":"del","key":"a"}
{"op":"del","key":"never"}
{"op":"put","key":"b","value":""}
END
}

@test "a line that is not right is named, and nothing has changed" {
    bad '{' 'not JSON'
    bad 'nonsense' 'not JSON'
    bad '[]' 'not a JSON object'
    bad '"text"' 'not a JSON object'
    bad '{"op":"put","key":"k"}' '"value" is missing'
    bad '{"op":"put","value":"v"}' '"key" is missing'
    bad '{"key":"k","value":"v"}' '"op" is missing'
    bad '{"op":"move","key":"k","value":"v"}' 'unknown op'
    bad '{"op":1,"key":"k","value":"v"}' 'op'
    bad '{"op":"put","key":"k","value":5}' 'not a string'
    bad '{"op":"put","key":"k","value":{}}' 'not a string'
    bad '{"op":"put","key":"k","value":null}' 'not a string'
    bad '{"op":"put","key":5,"value":"v"}' 'not a string'
    bad '{"op":"put","key":"","value":"v"}' 'empty'
    bad '{"op":"put","key":"k","key":"k","value":"v"}' 'duplicate'
    bad '{"op":"put","key":"k","key64":"aw==","value":"v"}' 'both'
    bad '{"op":"put","key64":"?","value":"v"}' 'base64'
    bad '{"op":"put","key":"k","value64":"YQ="}' 'base64'
    bad '{"op":"put","key":"k","value64":"YR=="}' 'base64'
    bad '{"op":"put","key":"k","value":"v","extra":1}' 'extra'
    bad '{"op":"put","key":"k","value":"v","meta":[]}' 'meta'
    bad '{"op":"put","key":"k","value":"v","expires":"soon"}' 'expires'
    bad '{"op":"del","key":"k","value":"v"}' 'del'
    bad '{"op":"put","key":"k","value":"v"} trailing' 'not JSON'
    bad $'{"op":"put","key":"\xff","value":"v"}' 'decode'
    bad '{"op":"put","key":"\ud800","value":"v"}' 'not JSON'
    bad "$(printf '{"op":"put","key":"k","value":"v","meta":{"a":%s1%s}}' "$(printf '[%.0s' {1..70})" "$(printf ']%.0s' {1..70})")" 'deep'
    bad '{"op":"put","key":"k","value":"v","meta":{"a":"\u0000"}}' 'meta'
    bad "{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"meta\":{\"a\":\"$(head -c 66000 /dev/zero | tr '\0' x)\"}}" '64 KiB'
    bad "{\"op\":\"put\",\"key\":\"$(head -c 65537 /dev/zero | tr '\0' k)\",\"value\":\"v\"}" '65537'
}

@test "a byte order mark is named on line 1" {
    printf '\xef\xbb\xbf{"op":"put","key":"k","value":"v"}\n' > lines
    words 2 batch lines
    [[ $stderr == *"line 1"* ]]
}

@test "every byte goes in: NUL, broken UTF-8, meta, expiry" {
    aerials batch <<'END'
{"op":"put","key":"a\u0000b","value":"\u0000"}
{"op":"put","key64":"AP8=","value64":"/wA="}
{"op":"put","key":"m","value":"v","meta":{"z":1,"a":[true,null]},"expires":4000000000000}
END
    [ "$(aerials get --key64 YQBi | xxd -p)" = 00 ]
    [ "$(aerials get --key64 AP8= | xxd -p)" = ff00 ]
    json 0 '.meta == {"z":1,"a":[true,null]} and .expires == 4000000000000' get m
}

@test "many lines, the last without a newline" {
    seq 20000 | sed 's/.*/{"op":"put","key":"k&","value":"v&"}/' | head -c -1 | aerials batch
    [ "$(aerials ls | wc -l)" = 20000 ]
    [ "$(aerials get k20000)" = v20000 ]
}

@test "a missing file, a directory" {
    words 2 batch no-such-file
    words 5 batch .
    json 2 '.ok == false' batch no-such-file
}
