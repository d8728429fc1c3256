# Tables of kind gdbm from the command line, with the module and without it.

load common

module() { [ -e "$AERIALS_BUILD/libaerials-gdbm.so" ] || skip "built without gdbm"; }

@test "a table of kind gdbm: one file of rows, one of index nodes" {
    module
    aerials table create people name:str:pk age:int --storage gdbm
    aerials insert people '[{"name":"Ann","age":1},{"name":"Bob","age":2}]' > ids
    [ "$(aerials table show people | grep storage)" = "storage  gdbm" ]
    [ "$(ls "$DB/tables/people")" = "$(printf 'config\ndata.gdbm\nindex.gdbm')" ]
    run -6 aerials insert people '{"name":"Ann"}'
    [ "$(aerials update people --where "name = 'Bob'" --set age=7)" = 1 ]
    [ "$(aerials index rebuild people)" = "rows 2, added 0, changed 0, removed 0; 1 indexes with 2 entries built" ]
    [ "$(aerials delete people --all)" = 2 ]
    aerials table drop people
    [ -z "$(ls "$DB/tables" 2> /dev/null)" ]
}

@test "without the module everything else works, and it is named" {
    module
    aerials table create people name:str:pk --storage gdbm
    aerials insert people '{"name":"Ann"}' > id
    mkdir bare
    cp -P "$AERIALS_BUILD"/libaerials.so* bare/
    bare() { LD_LIBRARY_PATH=$PWD/bare "$AERIALS" "$@"; }
    run --separate-stderr -2 bare table create more --storage gdbm
    [[ $stderr == *"libaerials-gdbm.so is not installed: "* ]]
    run --separate-stderr -2 bare insert people '{"name":"Bob"}'
    [[ $stderr == *"libaerials-gdbm.so is not installed: "* ]]
    run --separate-stderr -2 bare update people --all --set "name='x'"
    [[ $stderr == *"libaerials-gdbm.so is not installed: "* ]]
    [ "$(bare table ls)" = people ]
    bare table show people > shown
    bare table create plain name:str:pk
    bare insert plain '{"name":"Ann"}' > id
    bare put k v
    bare table rename people folk
    run -6 aerials insert folk '{"name":"Ann"}'
    bare table drop folk
    [ "$(aerials table ls)" = plain ]
}
