# import and export of directory trees and archives: the same tree comes back.
load common

make_tree() {
    mkdir -p "$1/sub/deep" "$1/empty" "$1/odd name" "$1/-dash"
    echo content > "$1/a"
    : > "$1/nothing"
    printf x > "$1/"$'new\nline'
    printf y > "$1/"$'bad\xfename'
    printf z > "$1/ümlaut"
    printf q > "$1/sub/\"quoted\""
    echo deep > "$1/sub/deep/f"
    seq 1200000 > "$1/big" # over 8 MiB
    ln -s ../a "$1/sub/link"
    ln -s /nowhere/at/all "$1/dangling"
    ln "$1/a" "$1/hard"
    chmod 600 "$1/a"
    chmod 4755 "$1/sub/deep/f" && chmod 755 "$1/sub/deep/f"
    chmod 1777 "$1/odd name"
    touch -d '2001-02-03 04:05:06.123456789' "$1/a" "$1/sub/deep/f"
    touch -hd '1999-01-01 00:00:00.5' "$1/dangling"
    touch -d '2002-01-01' "$1/sub/deep" "$1/sub" "$1/empty"
    chmod 750 "$1/sub"
    chmod 555 "$1/empty"
}

# Names, kinds, modes, times, targets, sizes and contents.
same_tree() {
    diff <(listing "$1" "$3") <(listing "$2" "$3") && diff -r --no-dereference "$1" "$2"
}
listing() { (cd "$1" && find . -mindepth 1 \( -type d -printf '%P %y %m %T@\n' -o -printf "%P %y %m ${2:-%T@} %l %s\n" \) | sort); }

@test "a tree comes back the same" {
    make_tree tree
    words 0 import tree
    [[ $stderr == "inserted 16, replaced 0, ignored 0, rejected 0"* ]] || { echo "$stderr"; find tree; return 1; }
    [ "$(aerials get a)" = content ]
    [ "$(aerials get sub/link)" = ../a ]
    aerials exists empty/ sub/
    json 0 '.meta == {"type":"file","mode":"0600","mtime":"981173106.123456789"}' get a
    words 0 export out
    same_tree tree out
}

@test "under a prefix, which export takes off again" {
    make_tree tree
    aerials put other 1
    aerials import tree --prefix=docs/ -q
    [ "$(aerials get docs/a)" = content ]
    aerials export out --prefix=docs/
    same_tree tree out
    [ ! -e out/other ]
}

@test "a tree through archives, plain and compressed" {
    make_tree tree
    aerials import tree -q
    for name in a.tar a.tar.gz a.tar.zst; do
        rm -rf db2 out
        words 0 export $name
        aerials init db2
        words 0 -d db2 import $name
        cmp <(aerials scan) <(aerials -d db2 scan)
        aerials -d db2 export out
        same_tree tree out
    done
    mkdir unpacked && tar xpf a.tar -C unpacked 2> warnings
    same_tree tree unpacked
    aerials export - --format=tar | cmp a.tar -
    json 0 '.ok and .exported == 16' export b.tar
}

@test "the name says how an archive is compressed" {
    aerials put k "$(seq 1000)"
    for name in a.tar a.tgz a.tar.bz2 a.tar.xz a.tar.zst; do
        aerials export $name
        aerials import $name --prefix="$name/" -q
        [ "$(aerials get "$name/k" | tail -1)" = 1000 ]
    done
    gzip -t a.tgz
    xz -t a.tar.xz
    bzip2 -t a.tar.bz2
    [ "$(wc -c < a.tar.xz)" -lt "$(wc -c < a.tar)" ]
}

@test "archives of others: ./, hard links, long names" {
    long=$(head -c 200 /dev/zero | tr '\0' d)
    mkdir -p "tree/$long"
    echo content > tree/a && ln tree/a tree/b
    echo long > "tree/$long/$long"
    for format in gnu ustar pax v7; do
        (cd tree && tar cf ../a.tar --format=$format . 2> ../warnings) || [ $format = v7 ] || [ $format = ustar ]
        rm -rf db2 out && aerials init db2
        words 0 -d db2 import a.tar
        [ "$(aerials -d db2 get b)" = content ]
    done
    (cd tree && tar cf ../a.tar .)
    rm -rf db2 && aerials init db2
    cat a.tar | aerials -d db2 import - --format=tar -q
    aerials -d db2 export out
    diff -r tree out
}

@test "hostile or broken archives are refused whole" {
    mkdir in && echo 1 > in/first && echo 2 > outside
    tar cf dots.tar -P in/first in/../outside
    tar cf absolute.tar -P in/first "$PWD/outside"
    tar cf twice.tar -C in first && tar rf twice.tar -C in first
    head -c 100000 /dev/urandom > in/noise
    tar cf whole.tar in && head -c 60000 whole.tar > cut.tar
    tar czf whole.tar.gz in && head -c 60000 whole.tar.gz > cut.tar.gz
    head -c 5000 /dev/urandom > noise.tar
    for name in dots absolute twice cut noise; do
        words 2 import $name.tar
        [[ $stderr == "aerials: import '$name.tar': "* ]]
        run -2 bash -c 'cat "$1" | "$AERIALS" import - --format=tar' - $name.tar
        [ -z "$(aerials ls)" ]
    done
    words 2 import cut.tar.gz
    [ -z "$(aerials ls)" ]
}

@test "what cannot be imported is listed: exit 3" {
    mkdir tree && echo 1 > tree/a && mkfifo tree/pipe
    words 3 import tree
    [[ $stderr == *"skipped 'pipe': a FIFO"*"rejected 1"* ]]
    json 3 '.error.code == "partly" and .rejected == 1 and .skipped[0].what == "pipe"' import tree
    [ "$(aerials get a)" = 1 ]
    (cd tree && tar cf ../a.tar .)
    words 3 import a.tar
    [[ $stderr == *pipe* ]]
}

@test "unreadable files are listed: exit 3" {
    [ "$(id -u)" = 0 ] || skip "needs root to become nobody"
    place=$(mktemp -d) # nobody cannot reach the usual one
    chmod 755 "$place"
    mkdir -p "$place/tree/closed" && echo 1 > "$place/tree/a" && echo 2 > "$place/tree/secret"
    chmod 0 "$place/tree/secret" "$place/tree/closed"
    cp "$AERIALS" "$place/aerials" # its libraries beside it, if it is built that way
    mkdir "$place/db" && chown 65534:65534 "$place/db"
    nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env "LD_LIBRARY_PATH=$place" "$place/aerials" -d "$place/db" "$@"; }
    cp "$(dirname "$AERIALS")"/libaerials.so* "$place" 2> /dev/null || true
    nobody init
    run -3 --separate-stderr nobody import "$place/tree"
    rm -rf "$place"
    [[ $stderr == *"'secret': Permission denied"* ]]
    [[ $stderr == *"'closed/': Permission denied"* ]]
    [[ $stderr == *"inserted 1, "*"rejected 2"* ]]
}

@test "the database is not imported into itself" {
    mkdir tree && echo 1 > tree/a && aerials init tree/mydb
    aerials -d tree/mydb import tree -q
    [ "$(aerials -d tree/mydb ls)" = a ]
    words 2 -d tree/mydb import tree/mydb
}

@test "--resume leaves alone what is in" {
    make_tree tree
    aerials import tree -q
    echo changed > tree/a && echo more > tree/more
    words 0 import tree --resume
    [[ $stderr == "inserted 1, replaced 2, ignored 14, rejected 0"* ]] || { echo "$stderr"; return 1; }
    [ "$(aerials get a)" = changed ]
    words 0 import tree
    [[ $stderr == "inserted 0, replaced 17, ignored 0"* ]]
    (cd tree && tar cf ../a.tar --format=pax .)
    words 0 import a.tar --resume
    [[ $stderr == "inserted 0, replaced 0, ignored 17"* ]] || { echo "$stderr"; return 1; }
}

@test "an import that is killed goes on where it was" {
    mkdir tree
    for i in $(seq 300); do echo "content $i" > tree/f$i; done
    aerials import tree --batch=10 & # killed somewhere in the middle
    sleep 0.1 && kill -9 $! || true
    wait || true
    words 0 import tree --resume --batch=10
    aerials export out
    diff -r tree out
}

@test "export refuses a directory that is not empty, or a file" {
    aerials put k v
    mkdir out && echo mine > out/mine
    words 2 export out
    [ "$(ls out)" = mine ]
    json 2 '.error.code == "exists"' export out
    words 2 export out/mine
    words 5 export no/such/place
}

@test "an export never leaves its destination" {
    for key in ../up /abs a/../../up a//b . .. ./x x/. 'a/'; do aerials put -- "$key" evil; done
    aerials put --key64 YQBi nul
    aerials put good 1
    aerials put link /tmp --meta '{"type":"symlink"}'
    aerials put link/through evil
    aerials put file 1
    aerials put file/below evil
    mkdir place
    words 3 export place/out
    [ "$(cd place && find . | sort | tr '\n' ' ')" = ". ./out ./out/file ./out/good ./out/link ./out/link/through " ] || {
        find place
        return 1
    }
    [ ! -L place/out/link ]
    for key in ../up /abs a/../../up a//b link file/below; do [[ $stderr == *"'$key'"* ]]; done
    json 3 '.error.exit == 3 and .exported == 3 and (.skipped | length) == .rejected' export place/again
    words 3 export a.tar
    tar tf a.tar | grep -qx good
    ! tar tPf a.tar 2> /dev/null | grep -aE '^/|\.\.'
}

@test "set-user-id is not restored, and that is said" {
    mkdir tree && echo 1 > tree/f && chmod 4755 tree/f
    aerials import tree -q
    words 3 export out
    [ "$(stat -c %a out/f)" = 755 ]
}

@test "wrong use of import and export" {
    echo x > unknown
    words 2 import unknown
    words 2 import no-such-thing
    words 2 import no-such-thing --format=dir
    words 2 import no-such.tar
    words 2 import -
    words 2 import unknown --format=zip
    words 2 import unknown --format=dir
    words 2 export out --format=zip
    words 2 export - --format=dir
    words 2 export unknown
    words 2 import . --skip-bad=bad
    words 2 import . --batch=0
    [ "$(cat unknown)" = x ]
}
