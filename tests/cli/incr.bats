# incr counts, or refuses and changes nothing.
load common

@test "from nothing, by one, by N, downwards" {
    [ "$(aerials incr n)" = 1 ]
    [ "$(aerials incr n 41)" = 42 ]
    [ "$(aerials incr n -50)" = -8 ]
    [ "$(aerials get n)" = -8 ]
    json 0 '.ok and .value == -7 and .key == "n"' incr n
}

@test "the ends of 64 bits" {
    aerials put n 9223372036854775806
    [ "$(aerials incr n)" = 9223372036854775807 ]
    words 2 incr n
    [ "$(aerials get n)" = 9223372036854775807 ]
    aerials put m -9223372036854775807
    [ "$(aerials incr m -1)" = -9223372036854775808 ]
    json 2 '.error.code == "overflow"' incr m -1
    words 2 incr m 9223372036854775808
}

@test "what is no decimal number is refused and stays" {
    for value in '' ' 1' '1 ' 1.5 0x10 abc 99999999999999999999 - --1 $'1\n'; do
        aerials put --literal n -- "$value"
        words 2 incr n
        [ "$(aerials get n | xxd -p)" = "$(printf %s "$value" | xxd -p)" ]
    done
    words 2 incr n x
}

@test "meta stays with the key" {
    aerials put n 1 --meta '{"unit":"cats"}'
    aerials incr n
    json 0 '.value == "2" and .meta.unit == "cats"' get n
}

@test "many at once count every time" {
    for i in 1 2 3 4; do
        (for j in 1 2 3 4 5; do aerials incr n > /dev/null || exit 1; done) &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    [ "$(aerials get n)" = 20 ]
}
